"""The model repository is whole: configs fit the networks, and the networks answer as declared."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from services.kernel.calibration import shipped
from services.kernel.records import ImageRole
from services.stack.sample import Taken, sample
from triton_models.install import NETWORKS, BadData, config, install
from triton_models.serving import REPOSITORY, serving_module

CALIBRATION = REPOSITORY / "damage_classifier" / "1" / "calibration.json"
OTHERS = ("decode", "capture_quality", "spilled_matter")


def text_of(model: str) -> str:
    return (REPOSITORY / model / "config.pbtxt").read_text()


@lru_cache(maxsize=2)
def session(model: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        REPOSITORY / model / "1" / f"{model}.onnx", options, providers=["CPUExecutionProvider"]
    )


def seen(taken: Taken) -> dict[str, np.ndarray[Any, Any]]:
    """PIXELS and HEIGHT of a capture from above, as they are served to the classifier."""
    view = serving_module("decode", "views").view
    depth = [p.data for p in taken.photos if p.role is ImageRole.DEPTH]
    found = view(taken.photos[0].data, depth[0] if depth else b"")
    return {"PIXELS": found.pixels, "HEIGHT": found.height}


def stacked(shown: Sequence[Taken]) -> dict[str, np.ndarray[Any, Any]]:
    rows = [seen(one) for one in shown]
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def embedded(shown: Sequence[Taken]) -> np.ndarray[Any, Any]:
    """(n, 256): what the encoder says of captures from above, as they are served to it."""
    view = serving_module("decode", "views").view
    pixels = np.stack([view(taken.photos[0].data, b"").whole for taken in shown])
    return np.asarray(session("gallery_encoder").run(["EMBEDDING"], {"PIXELS": pixels})[0])


@pytest.mark.parametrize("model", NETWORKS)
def test_the_config_names_the_build_of_its_network(model: str) -> None:
    digest = hashlib.sha256((REPOSITORY / model / "1" / f"{model}.onnx").read_bytes()).hexdigest()
    found = re.search(r'key: "build" value: \{ string_value: "([0-9a-f]{12})" \}', text_of(model))
    assert found is not None
    assert found[1] == digest[:12]


def test_the_networks_are_small_enough_to_keep_in_the_repository() -> None:
    assert sum(file.stat().st_size for file in REPOSITORY.rglob("*.onnx")) <= 40_000_000


def test_both_networks_are_served_by_the_same_code() -> None:
    first, second = ((REPOSITORY / model / "1" / "model.py").read_text() for model in NETWORKS)
    assert first == second


@pytest.mark.parametrize("model", [*OTHERS, *NETWORKS])
def test_each_model_runs_on_the_cpu_with_bounded_queues(model: str) -> None:
    text = text_of(model)
    assert re.search(r"count: [12] kind: KIND_CPU", text)
    assert "max_batch_size: 16" in text
    delay = re.search(r"max_queue_delay_microseconds: (\d+)", text)
    assert delay is not None
    assert int(delay[1]) <= 3000
    assert re.search(r"max_queue_size: \d+", text)
    assert "timeout_action: REJECT" in text


@pytest.mark.parametrize("rows", [1, 3])
def test_the_classifier_gives_nine_probabilities_and_a_map_per_picture(rows: int) -> None:
    damage, where = session("damage_classifier").run(["DAMAGE", "WHERE"], stacked(sample().taken[:rows]))
    assert (damage.shape, damage.dtype) == ((rows, 9), np.float32)
    assert ((damage >= 0) & (damage <= 1)).all()
    assert (where.shape, where.dtype) == ((rows, 8, 16, 16), np.float32)


def test_the_classifier_works_without_depth() -> None:
    given = stacked(sample().taken[:2])
    given["HEIGHT"] = np.zeros_like(given["HEIGHT"])
    assert np.isfinite(session("damage_classifier").run(["DAMAGE"], given)[0]).all()


@pytest.mark.parametrize("rows", [1, 3])
def test_the_encoder_gives_unit_vectors(rows: int) -> None:
    embedding = embedded(sample().taken[:rows])
    assert (embedding.shape, embedding.dtype) == ((rows, 256), np.float32)
    assert np.linalg.norm(embedding, axis=1) == pytest.approx(1, abs=1e-4)


def test_classifier_and_encoder_are_given_what_each_was_trained_on() -> None:
    steps = (REPOSITORY / "capture_inspection" / "config.pbtxt").read_text().split("model_name:")[1:]
    pixels = {
        step.split('"')[1]: found[1]
        for step in steps
        if (found := re.search(r'input_map { key: "PIXELS" value: "(\w+)" }', step))
    }
    assert pixels == {"damage_classifier": "PIXELS", "gallery_encoder": "WHOLE", "spilled_matter": "PIXELS"}


def test_damaged_captures_score_above_intact_ones() -> None:
    ordinary = [one for one in sample().taken if one.truth.scenario == "ordinary"]
    intact = [one for one in ordinary if not one.truth.damaged][:16]
    major = [one for one in ordinary if one.truth.severity == "major"][:16]
    sound, hurt = (
        session("damage_classifier").run(["DAMAGE"], stacked(shown))[0][:, 0] for shown in (intact, major)
    )
    assert (hurt[:, None] > sound[None, :]).mean() >= 0.7


def test_one_product_is_closer_to_itself_than_to_others() -> None:
    pairs = list(sample().references.values())[::4]
    first = embedded([pair[0] for pair in pairs])
    queries = [one for one in sample().taken if one.product_id in {pair[0].product_id for pair in pairs}]
    asked = embedded(queries)
    products = [pair[0].product_id for pair in pairs]
    best = [products[k] for k in (asked @ first.T).argmax(axis=1)]
    assert np.mean([one.product_id == name for one, name in zip(queries, best, strict=True)]) >= 0.4


def test_the_calibration_belongs_to_the_network_beside_it() -> None:
    calibration = json.loads(CALIBRATION.read_text())
    assert f'"{calibration["build"]}"' in text_of("damage_classifier")
    assert 0 < calibration["threshold"] < 1
    assert 0 < calibration["share"] < 1
    assert calibration["at_threshold"]["false_positive_rate"] <= 0.01
    assert shipped().version


# -- another network ----------------------------------------------------------------------------------------------


def test_one_command_puts_a_network_where_it_is_served(tmp_path: Path) -> None:
    network = tmp_path / "damage_classifier.onnx"
    shutil.copyfile(REPOSITORY / "damage_classifier" / "1" / "damage_classifier.onnx", network)
    network.with_suffix(".json").write_text(CALIBRATION.read_text())
    build = install("damage_classifier", network, tmp_path / "models")
    place = tmp_path / "models" / "damage_classifier"
    assert (
        (place / "config.pbtxt").read_text()
        == text_of("damage_classifier")
        == config("damage_classifier", build)
    )
    assert json.loads((place / "1" / "calibration.json").read_text()) == json.loads(CALIBRATION.read_text())


def test_a_network_that_answers_something_else_is_refused(tmp_path: Path) -> None:
    encoder = REPOSITORY / "gallery_encoder" / "1" / "gallery_encoder.onnx"
    with pytest.raises(BadData, match=r"takes \['PIXELS'\], not \['HEIGHT', 'PIXELS'\]"):
        install("damage_classifier", encoder, tmp_path)
    with pytest.raises(BadData, match="no network is called 'ocr'"):
        install("ocr", encoder, tmp_path)


def test_a_network_without_its_own_facts_is_refused(tmp_path: Path) -> None:
    network = tmp_path / "damage_classifier.onnx"
    shutil.copyfile(REPOSITORY / "damage_classifier" / "1" / "damage_classifier.onnx", network)
    with pytest.raises(BadData, match="is not there"):
        install("damage_classifier", network, tmp_path / "models")
    network.with_suffix(".json").write_text(json.dumps({"build": "another"}))
    with pytest.raises(BadData, match="tells of build another"):
        install("damage_classifier", network, tmp_path / "models")
