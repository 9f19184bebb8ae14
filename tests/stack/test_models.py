"""Which versions there are, which serve, and what the server is given to read."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from services.kernel.model_versions import CLASSIFIER, ENCODER
from services.stack import models
from services.stack.home import MODEL_REPOSITORY, Home, home_at
from services.stack.problems import Problem
from tests.networks import changed

FILE = MODEL_REPOSITORY / CLASSIFIER / "1" / f"{CLASSIFIER}.onnx"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return home_at(tmp_path / "home")


@pytest.fixture
def candidate(tmp_path: Path) -> Path:
    return changed(FILE, tmp_path / "candidate.onnx", "temperatures", lambda t: 2 * t)


def staged(home: Home, file: Path) -> models.Version:
    return models.stage(home, MODEL_REPOSITORY, file, 0.75)


def serves(home: Home, model: str = CLASSIFIER) -> models.Version:
    return models.serving(models.remembered(home), models.versions(home, MODEL_REPOSITORY)[model])


def steps(place: Path, ensemble: str = "capture_inspection") -> dict[str, int]:
    config = models.config_of(place / ensemble / "config.pbtxt")
    return {step.model_name: step.model_version for step in config.ensemble_scheduling.step}


def held(place: Path, model: str = CLASSIFIER) -> list[int]:
    return list(models.config_of(place / model / "config.pbtxt").version_policy.specific.versions)


def test_at_first_what_ships_serves_with_its_own_calibration(home: Home) -> None:
    found = serves(home)
    build = hashlib.sha256(FILE.read_bytes()).hexdigest()[:12]
    calibration = json.loads((FILE.parent / "calibration.json").read_text())
    assert (found.name, found.threshold) == (f"1+{build}", calibration["threshold"])
    assert serves(home, ENCODER).threshold is None


def test_a_staged_network_is_a_version_that_does_not_serve_yet(home: Home, candidate: Path) -> None:
    made = staged(home, candidate)
    build = hashlib.sha256(candidate.read_bytes()).hexdigest()[:12]
    assert (made.model, made.name, made.threshold, made.source) == (
        CLASSIFIER,
        f"101+{build}",
        0.75,
        "candidate.onnx",
    )
    assert models.versions(home, MODEL_REPOSITORY)[CLASSIFIER][1:] == (made,)
    assert serves(home).number == 1


def test_numbers_count_across_networks_so_that_each_means_one_for_ever(
    home: Home, candidate: Path, tmp_path: Path
) -> None:
    encoder = MODEL_REPOSITORY / ENCODER / "1" / f"{ENCODER}.onnx"
    other = changed(encoder, tmp_path / "encoder.onnx", "embedding.matrix", lambda x: 1.5 * x)
    found = [staged(home, candidate), models.stage(home, MODEL_REPOSITORY, other, None)]
    assert [(v.model, v.number) for v in found] == [(CLASSIFIER, 101), (ENCODER, 102)]


def test_a_network_is_staged_once(home: Home, candidate: Path) -> None:
    staged(home, candidate)
    with pytest.raises(Problem, match=r"is version 101\+.* of damage_classifier already"):
        staged(home, candidate)
    with pytest.raises(Problem, match=r"is version 1\+.* already"):
        staged(home, FILE)


def test_what_is_no_network_is_refused_with_its_name(home: Home, tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(Problem, match=r"text\.onnx is no network that runs here"):
        staged(home, tmp_path / "text.onnx")


def test_a_network_that_answers_nothing_but_nan_is_refused(home: Home, tmp_path: Path) -> None:
    file = changed(FILE, tmp_path / "nan.onnx", "temperatures", lambda t: t * float("nan"))
    with pytest.raises(Problem, match="answers a black picture with what is no number"):
        staged(home, file)


def test_a_network_with_the_right_answers_but_other_inputs_says_which(home: Home, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    shutil.copytree(MODEL_REPOSITORY, repository)
    path = repository / CLASSIFIER / "config.pbtxt"
    config = models.config_of(path)
    config.input[0].dims[:] = [224, 224, 3]
    models.write_config(path, config)
    with pytest.raises(Problem, match=r"PIXELS UINT8\[\d+, \d+, 3\] instead of PIXELS UINT8\[224, 224, 3\]"):
        models.stage(home, repository, FILE, 0.75)


def test_a_classifier_without_a_threshold_of_its_own_is_refused(home: Home, candidate: Path) -> None:
    with pytest.raises(
        Problem, match=r"at which score does candidate\.onnx call 1 % of intact items damaged"
    ):
        models.stage(home, MODEL_REPOSITORY, candidate, None)


def test_the_threshold_that_the_export_wrote_beside_it_is_taken(home: Home, candidate: Path) -> None:
    build = hashlib.sha256(candidate.read_bytes()).hexdigest()[:12]
    candidate.with_suffix(".json").write_text(json.dumps({"build": build, "threshold": 0.625, "share": 0.5}))
    made = models.stage(home, MODEL_REPOSITORY, candidate, None)
    assert (made.threshold, made.share) == (0.625, 0.5)


def test_what_was_written_about_another_file_is_refused(home: Home, candidate: Path) -> None:
    candidate.with_suffix(".json").write_text(json.dumps({"build": "000000000000", "threshold": 0.625}))
    with pytest.raises(Problem, match="tells of another network"):
        models.stage(home, MODEL_REPOSITORY, candidate, None)


def test_the_server_reads_a_copy_in_which_the_version_that_serves_is_pinned(home: Home) -> None:
    place = models.build_repository(home, MODEL_REPOSITORY)
    assert place == home.models / "repository"
    assert steps(place)[CLASSIFIER] == steps(place)[ENCODER] == 1
    assert held(place) == [1]
    assert (place / CLASSIFIER / "1" / f"{CLASSIFIER}.onnx").read_bytes() == FILE.read_bytes()


def promoted(home: Home, candidate: Path) -> models.Version:
    made = staged(home, candidate)
    registry = models.remembered(home)
    models.remember(
        home,
        models.Registry(staged=registry.staged, serving={CLASSIFIER: made.number}, previous={CLASSIFIER: 1}),
    )
    return made


def test_a_promoted_version_serves_again_after_a_restart_and_the_one_before_is_held_too(
    home: Home, candidate: Path
) -> None:
    made = promoted(home, candidate)
    place = models.build_repository(home, MODEL_REPOSITORY)
    assert steps(place)[CLASSIFIER] == made.number
    assert held(place) == [1, made.number]
    folder = place / CLASSIFIER / str(made.number)
    assert (folder / f"{CLASSIFIER}.onnx").read_bytes() == candidate.read_bytes()
    assert (folder / "model.py").read_bytes() == (FILE.parent / "model.py").read_bytes()
    assert not list(folder.glob("*.json")), "the shipped version's calibration is not its own"
    parameters = models.config_of(place / CLASSIFIER / "config.pbtxt").parameters
    assert parameters[f"build.{made.number}"].string_value == made.build


def test_a_fresh_stack_serves_what_ships_and_keeps_what_is_staged(home: Home, candidate: Path) -> None:
    made = promoted(home, candidate)
    models.reset(home)
    assert serves(home).number == 1
    assert made in models.versions(home, MODEL_REPOSITORY)[CLASSIFIER]


def test_a_promoted_version_whose_tensors_the_checkout_no_longer_has_gives_way_to_what_ships(
    home: Home, candidate: Path, tmp_path: Path
) -> None:
    promoted(home, candidate)
    repository = tmp_path / "repository"
    shutil.copytree(MODEL_REPOSITORY, repository)
    path = repository / CLASSIFIER / "config.pbtxt"
    config = models.config_of(path)
    config.input[0].dims[:] = [224, 224, 3]
    models.write_config(path, config)
    place = models.build_repository(home, repository)
    assert steps(place)[CLASSIFIER] == 1
    assert held(place) == [1]


def test_the_checkout_is_never_written(home: Home, candidate: Path) -> None:
    def state() -> list[tuple[str, bytes]]:
        files = sorted(p for p in MODEL_REPOSITORY.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
        return [(str(p), hashlib.sha256(p.read_bytes()).digest()) for p in files]

    before = state()
    made = promoted(home, candidate)
    place = models.build_repository(home, MODEL_REPOSITORY)
    models.point(place, CLASSIFIER, made.number)
    models.add_candidate(place, "capture_inspection", CLASSIFIER, made.number)
    assert state() == before


def test_a_candidate_ensemble_asks_the_new_version_and_leaves_the_one_that_serves_alone(
    home: Home, candidate: Path
) -> None:
    made = staged(home, candidate)
    place = models.build_repository(home, MODEL_REPOSITORY)
    name = models.add_candidate(place, "capture_inspection", CLASSIFIER, made.number)
    assert steps(place, name) == {**steps(place), CLASSIFIER: made.number}
    assert steps(place)[CLASSIFIER] == 1


def test_a_damaged_registry_says_what_to_do(home: Home) -> None:
    home.models.mkdir(parents=True)
    (home.models / "registry.json").write_text("{")
    with pytest.raises(Problem, match=r"registry\.json cannot be read .* delete it"):
        models.remembered(home)


def test_no_repository_is_said(home: Home, tmp_path: Path) -> None:
    with pytest.raises(Problem, match="no Triton model repository at"):
        models.build_repository(home, tmp_path / "nowhere")
