"""The models that a stack serves: the checkout's own, and versions that a person has staged beside them.

Triton reads a copy of the checkout's repository below the stack's home, so that a new version edits no checkout. The
copy is made anew at each start, from the checkout and from what is remembered in `registry.json`: which versions are
staged, which one serves, and which one served before. Versions that ship have numbers below 100, staged ones count
from 101 on, across all models: a number means one network for ever.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from services.kernel.model_versions import BUILD_DIGITS, CLASSIFIER, OWN_OUTPUT, name_of
from services.stack.home import Home
from services.stack.problems import Problem

FIRST_STAGED: Final = 101
#: The models that a person may stage versions of: those that run one network.
_NETWORK: Final = "network"
_KINDS: Final = {
    "tensor(uint8)": "TYPE_UINT8",
    "tensor(float)": "TYPE_FP32",
    "tensor(float16)": "TYPE_FP16",
    "tensor(int64)": "TYPE_INT64",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a network.

    Attributes:
        model: which network.
        number: its folder in the repository.
        build: first digits of the SHA-256 of its file.
        source: the file that it came from.
        staged_at: when, ISO 8601 in UTC; empty for a version that ships.
        threshold: of a classifier, the score that 1 % of intact items reach, by its own calibration.
        share: of a classifier, the share of damaged items at which its scores are probabilities; None: not told.
        interface: hash of the tensors that it takes and gives.
    """

    model: str
    number: int
    build: str
    source: str
    staged_at: str = ""
    threshold: float | None = None
    share: float | None = None
    interface: str = ""

    @property
    def name(self) -> str:
        """As events carry it."""
        return name_of(self.number, self.build)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """What is staged; by model, the number that serves and the one that served before (absent: the shipped one)."""

    staged: tuple[Version, ...] = ()
    serving: Mapping[str, int] = field(default_factory=dict)
    previous: Mapping[str, int] = field(default_factory=dict)


# -- what is remembered -------------------------------------------------------------------------------------------


def remembered(home: Home) -> Registry:
    """Return what this home knows of staged versions.

    Raises:
        Problem: the file is damaged.
    """
    path = home.models / "registry.json"
    if not path.exists():
        return Registry()
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        staged = tuple(Version(**entry) for entry in held.pop("staged"))
        return Registry(staged=staged, **held)
    except (ValueError, TypeError, KeyError) as exc:
        msg = f"{path} cannot be read ({exc}): delete it to serve the models that ship"
        raise Problem(msg) from exc


def remember(home: Home, registry: Registry) -> None:
    """Keep a registry, in one step."""
    home.models.mkdir(parents=True, exist_ok=True)
    _replace(home.models / "registry.json", json.dumps(asdict(registry), indent=2) + "\n")


def reset(home: Home) -> None:
    """Go back to the versions that ship; what is staged stays staged."""
    known = remembered(home)
    if known.serving or known.previous:
        remember(home, Registry(staged=known.staged))


# -- versions -----------------------------------------------------------------------------------------------------


def networks(repository: Path) -> dict[str, Any]:
    """Return the configs of the models that run one network, by name."""
    found = {path.parent.name: config_of(path) for path in sorted(repository.glob("*/config.pbtxt"))}
    return {name: config for name, config in found.items() if _NETWORK in config.parameters}


def shipped(repository: Path, model: str) -> Version:
    """Return the newest version of a model that the checkout brings.

    Raises:
        Problem: it has none.
    """
    config = config_of(repository / model / "config.pbtxt")
    numbers = [int(path.name) for path in (repository / model).iterdir() if path.name.isdigit()]
    if not numbers:
        msg = f"the checkout holds no version of {model}: {repository / model} is incomplete"
        raise Problem(msg)
    number, file = max(numbers), config.parameters[_NETWORK].string_value
    calibration = repository / model / str(number) / "calibration.json"
    told = json.loads(calibration.read_text()) if calibration.exists() else {}
    return Version(
        model=model,
        number=number,
        build=config.parameters["build"].string_value,
        source=file,
        threshold=told.get("threshold"),
        share=told.get("share"),
        interface=interface(config),
    )


def versions(home: Home, repository: Path) -> dict[str, tuple[Version, ...]]:
    """Return every model's versions, the shipped one first; staged ones that no longer fit are left out."""
    registry = remembered(home)
    found = {}
    for model in networks(repository):
        first = shipped(repository, model)
        fitting = (v for v in registry.staged if v.model == model and v.interface == first.interface)
        found[model] = (first, *fitting)
    return found


def serving(registry: Registry, of_model: tuple[Version, ...]) -> Version:
    """Return which of a model's versions serves: the shipped one where what was promoted is not there any more."""
    number = registry.serving.get(of_model[0].model)
    return next((v for v in of_model if v.number == number), of_model[0])


def before(registry: Registry, of_model: tuple[Version, ...]) -> Version | None:
    """Return the version that served before, while it is kept."""
    number = registry.previous.get(of_model[0].model)
    found = next((v for v in of_model if v.number == number), None)
    return None if found is None or found == serving(registry, of_model) else found


def loaded(registry: Registry, of_model: tuple[Version, ...]) -> tuple[Version, ...]:
    """Return the versions that the server holds: the one that serves and the one before it."""
    former = before(registry, of_model)
    return (serving(registry, of_model), *((former,) if former else ()))


def interface(config: Any) -> str:  # noqa: ANN401 - protobuf publishes no types
    """Return a hash of what a network takes and gives."""
    tensors = [
        (t.name, int(t.data_type), tuple(t.dims))
        for t in (*config.input, *config.output)
        if t.name != OWN_OUTPUT
    ]
    return hashlib.sha256(repr(tensors).encode()).hexdigest()[:12]


# -- staging ------------------------------------------------------------------------------------------------------


def stage(home: Home, repository: Path, file: Path, threshold: float | None) -> Version:
    """Check a network and keep it as the next version of the model whose tensors it has. It does not serve yet.

    Raises:
        Problem: no model takes and gives these tensors, it cannot run, it is staged already, or a classifier's
            threshold is not known.
    """
    model, config = _model_of(repository, file)
    data = file.read_bytes()
    build = hashlib.sha256(data).hexdigest()[:BUILD_DIGITS]
    registry = remembered(home)
    same = [v for v in (shipped(repository, model), *registry.staged) if (v.model, v.build) == (model, build)]
    if same:
        msg = f"{file} is version {same[0].name} of {model} already"
        raise Problem(msg)
    beside = _told_beside(file, build)
    threshold = beside.get("threshold") if threshold is None else threshold
    if model == CLASSIFIER and (threshold is None or not 0 < threshold < 1):
        msg = (
            f"at which score does {file.name} call 1 % of intact items damaged? {file.with_suffix('.json')} does not "
            "say: give --threshold (./intact model compare finds it on a data set's validation split)"
        )
        raise Problem(msg)
    number = max([FIRST_STAGED - 1, *(v.number for v in registry.staged)]) + 1
    made = Version(
        model=model,
        number=number,
        build=build,
        source=file.name,
        staged_at=datetime.now(UTC).isoformat(timespec="seconds"),
        threshold=threshold if model == CLASSIFIER else None,
        share=beside.get("share") if model == CLASSIFIER else None,
        interface=interface(config),
    )
    place = file_of(home, made)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.with_name("new").write_bytes(data)
    place.with_name("new").replace(place)
    remember(home, replace(registry, staged=(*registry.staged, made)))
    return made


def check(repository: Path, file: Path, model: str) -> None:
    """See to it that a file is a network that could be a version of this model.

    Raises:
        Problem: it is none, or one of another model.
    """
    found, _ = _model_of(repository, file)
    if found != model:
        msg = f"{file} is a {found}, not a {model}"
        raise Problem(msg)


def file_of(home: Home, version: Version) -> Path:
    """Return where a staged network is kept."""
    return home.models / "staged" / version.model / str(version.number) / "network.onnx"


def _told_beside(file: Path, build: str) -> dict[str, Any]:
    """What `intact export` wrote beside a network, if it did, and about this very file."""
    beside = file.with_suffix(".json")
    try:
        held = json.loads(beside.read_text()) if beside.exists() else {}
    except ValueError as exc:
        msg = f"{beside} is no JSON: {exc}"
        raise Problem(msg) from exc
    if isinstance(held, dict) and held.get("build", build) == build:
        return held
    msg = f"{beside} tells of another network than {file.name} (build {build}): export again"
    raise Problem(msg)


def _model_of(repository: Path, file: Path) -> tuple[str, Any]:
    found = _tensors_of(file)
    for model, config in networks(repository).items():
        wanted = _tensors_wanted(config)
        # What the server is not told of, it does not ask for: a network may give more than is served of it.
        if wanted <= found and all(kind == "out" for kind, *_ in found - wanted):
            return model, config
        if {name for kind, name, *_ in wanted if kind == "out"} == {n for k, n, *_ in found if k == "out"}:
            msg = (
                f"{file} gives what {model} gives, but with other tensors: {_listed(found - wanted)} instead of "
                f"{_listed(wanted - found)}. Such a network needs other code around it, and comes with the checkout"
            )
            raise Problem(msg)
    msg = f"{file} is a version of no model here: its tensors are {_listed(found)}"
    raise Problem(msg)


_Tensors = set[tuple[str, str, str, tuple[int, ...]]]


def _listed(tensors: _Tensors) -> str:
    return (
        ", ".join(
            f"{name} {kind.removeprefix('TYPE_')}{list(dims)}" for _, name, kind, dims in sorted(tensors)
        )
        or "none"
    )


def _tensors_wanted(config: Any) -> _Tensors:  # noqa: ANN401 - protobuf publishes no types
    from tritonclient.grpc.model_config_pb2 import DataType

    def read(way: str, tensors: Any) -> _Tensors:  # noqa: ANN401
        return {
            (way, t.name, DataType.Name(t.data_type), tuple(t.dims)) for t in tensors if t.name != OWN_OUTPUT
        }

    return read("in", config.input) | read("out", config.output)


def _tensors_of(file: Path) -> _Tensors:
    """Return a network's tensors, after it has run once."""
    import numpy as np
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(file.read_bytes(), providers=["CPUExecutionProvider"])
        dtypes = {"tensor(uint8)": np.uint8, "tensor(float)": np.float32}
        given = {t.name: np.zeros((2, *t.shape[1:]), dtypes[t.type]) for t in session.get_inputs()}
        answers = session.run(None, given)
    except Exception as exc:
        msg = f"{file} is no network that runs here: {exc}"
        raise Problem(msg) from exc
    if not all(np.isfinite(a.astype(np.float32)).all() for a in answers):
        msg = f"{file} answers a black picture with what is no number"
        raise Problem(msg)
    ins = {("in", t.name, _KINDS[t.type], tuple(t.shape[1:])) for t in session.get_inputs()}
    return ins | {
        ("out", t.name, _KINDS[t.type], a.shape[1:])
        for t, a in zip(session.get_outputs(), answers, strict=True)
    }


# -- the copy that is served --------------------------------------------------------------------------------------


def build_repository(home: Home, repository: Path) -> Path:
    """Make the copy anew that the server reads at its start; return its folder.

    Raises:
        Problem: there is no repository to copy.
    """
    if not repository.is_dir():
        msg = f"no Triton model repository at {repository}"
        raise Problem(msg)
    place, new = home.models / "repository", home.models / "repository.new"
    shutil.rmtree(new, ignore_errors=True)
    shutil.copytree(repository, new, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.rmtree(place, ignore_errors=True)
    new.replace(place)
    registry = remembered(home)
    for of_model in versions(home, repository).values():
        write_model(home, place, registry, of_model)
        point(place, of_model[0].model, serving(registry, of_model).number)
    return place


def write_model(home: Home, place: Path, registry: Registry, of_model: tuple[Version, ...]) -> None:
    """Put a model's staged versions into the copy, and into its config which of all are loaded."""
    first = of_model[0]
    path = place / first.model / "config.pbtxt"
    config = config_of(path)
    for version in of_model[1:]:
        config.parameters[f"build.{version.number}"].string_value = version.build
        _unpack(home, place, first, version)
    del config.version_policy.specific.versions[:]
    config.version_policy.specific.versions.extend(sorted(v.number for v in loaded(registry, of_model)))
    write_config(path, config)


def _unpack(home: Home, place: Path, first: Version, version: Version) -> None:
    """Make a staged version's folder: the shipped version's code around its own network."""
    folder = place / version.model / str(version.number)
    if folder.exists():
        return
    own = shutil.ignore_patterns("*.onnx", "*.json", "__pycache__")
    shutil.copytree(place / version.model / str(first.number), folder, ignore=own)
    shutil.copyfile(file_of(home, version), folder / first.source)


def point(place: Path, model: str, number: int) -> tuple[str, ...]:
    """Let every ensemble of the copy ask this version of a model; return the ensembles that ask it."""
    asking = []
    for path in sorted(place.glob("*/config.pbtxt")):
        config = config_of(path)
        steps = [step for step in config.ensemble_scheduling.step if step.model_name == model]
        for step in steps:
            step.model_version = number
        if steps:
            write_config(path, config)
            asking.append(path.parent.name)
    return tuple(asking)


def add_candidate(place: Path, ensemble: str, model: str, number: int) -> str:
    """Add a second ensemble that asks this version of a model, to try it before it serves; return its name."""
    config = config_of(place / ensemble / "config.pbtxt")
    config.name = candidate_of(ensemble)
    for step in config.ensemble_scheduling.step:
        if step.model_name == model:
            step.model_version = number
    # An ensemble has no files of its own, but Triton wants a folder for its version.
    (place / config.name / "1").mkdir(parents=True, exist_ok=True)
    write_config(place / config.name / "config.pbtxt", config)
    return str(config.name)


def candidate_of(ensemble: str) -> str:
    """Name of the ensemble that tries what is to serve next."""
    return f"{ensemble}_candidate"


def config_of(path: Path) -> Any:  # noqa: ANN401 - protobuf publishes no types
    """Return a model's config.

    Raises:
        Problem: it cannot be read.
    """
    from google.protobuf import text_format
    from tritonclient.grpc.model_config_pb2 import ModelConfig

    try:
        return text_format.Parse(path.read_text(encoding="utf-8"), ModelConfig())
    except (OSError, text_format.ParseError) as exc:
        msg = f"{path} is no config of a model: {exc}"
        raise Problem(msg) from exc


def write_config(path: Path, config: Any) -> None:  # noqa: ANN401 - protobuf publishes no types
    """Write a model's config, in one step."""
    from google.protobuf import text_format

    _replace(path, text_format.MessageToString(config))


def _replace(path: Path, text: str) -> None:
    new = path.with_name(path.name + ".new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)
