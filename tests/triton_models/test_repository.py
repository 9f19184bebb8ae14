"""The model repository is whole: configs fit the networks, and the networks answer as declared."""

from __future__ import annotations

import hashlib
import json
import re
from functools import lru_cache
from typing import Any

import numpy as np
import onnxruntime
import pytest

from triton_models.pictures import catalog, shoot
from triton_models.serving import REPOSITORY, serving_module

NETWORKS = ("damage_classifier", "gallery_encoder")
CALIBRATION = REPOSITORY / "damage_classifier" / "1" / "calibration.json"


def config(model: str) -> str:
    return (REPOSITORY / model / "config.pbtxt").read_text()


@lru_cache(maxsize=2)
def session(model: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        REPOSITORY / model / "1" / f"{model}.onnx", options, providers=["CPUExecutionProvider"]
    )


@lru_cache(maxsize=1)
def captures() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Pixels of intact and of badly damaged captures, each (captures, 2 pictures, 224, 224, 3)."""
    decode = serving_module("decode", "pixels").decode
    designs = catalog(6, 4242)
    kinds = ("penetration", "deconstruction", "actuation")
    intact = [[decode(picture) for picture in shoot(design, seed=0).rgb] for design in designs]
    damaged = [
        [decode(picture) for picture in shoot(design, seed=0, defect=kinds[place % 3]).rgb]
        for place, design in enumerate(designs)
    ]
    return np.array(intact), np.array(damaged)


@pytest.mark.parametrize("model", NETWORKS)
def test_the_config_names_the_build_of_its_network(model: str) -> None:
    digest = hashlib.sha256((REPOSITORY / model / "1" / f"{model}.onnx").read_bytes()).hexdigest()
    found = re.search(r'key: "build" value: \{ string_value: "([0-9a-f]{12})" \}', config(model))
    assert found is not None
    assert found[1] == digest[:12]


def test_the_networks_are_small_enough_to_keep_in_the_repository() -> None:
    assert (
        sum((REPOSITORY / model / "1" / f"{model}.onnx").stat().st_size for model in NETWORKS) <= 25_000_000
    )


def test_both_networks_are_served_by_the_same_code() -> None:
    first, second = ((REPOSITORY / model / "1" / "model.py").read_text() for model in NETWORKS)
    assert first == second


@pytest.mark.parametrize(
    ("model", "count"), [("decode", 2), ("capture_quality", 1), *((network, 2) for network in NETWORKS)]
)
def test_each_model_runs_on_the_cpu_with_bounded_queues(model: str, count: int) -> None:
    text = config(model)
    assert f"count: {count} kind: KIND_CPU" in text
    assert "max_batch_size: 16" in text
    delay = re.search(r"max_queue_delay_microseconds: (\d+)", text)
    assert delay is not None
    assert int(delay[1]) <= 3000
    assert re.search(r"max_queue_size: \d+", text)
    assert "timeout_action: REJECT" in text


@pytest.mark.parametrize("rows", [1, 3])
def test_the_classifier_gives_nine_probabilities_per_picture(rows: int) -> None:
    intact, _ = captures()
    (damage,) = session("damage_classifier").run(["DAMAGE"], {"PIXELS": intact[:rows, 0]})
    assert (damage.shape, damage.dtype) == ((rows, 9), np.float32)
    assert ((damage >= 0) & (damage <= 1)).all()


@pytest.mark.parametrize("rows", [1, 3])
def test_the_encoder_gives_unit_vectors(rows: int) -> None:
    intact, _ = captures()
    embedding, patches = session("gallery_encoder").run(
        ["EMBEDDING", "PATCHES"], {"PIXELS": intact[:rows, 0]}
    )
    assert (embedding.shape, embedding.dtype) == ((rows, 256), np.float32)
    assert (patches.shape, patches.dtype) == ((rows, 49, 64), np.float16)
    assert np.linalg.norm(embedding, axis=1) == pytest.approx(1, abs=1e-4)
    assert np.linalg.norm(patches.astype(np.float32), axis=2) == pytest.approx(1, abs=5e-3)


def test_damaged_captures_score_above_intact_ones() -> None:
    def scores(pixels: np.ndarray[Any, Any]) -> Any:
        (damage,) = session("damage_classifier").run(["DAMAGE"], {"PIXELS": pixels.reshape(-1, 224, 224, 3)})
        return np.asarray(damage)[:, 0].reshape(-1, 2).max(axis=1)

    intact, damaged = captures()
    assert (scores(damaged)[:, None] > scores(intact)[None, :]).mean() >= 0.9


def test_one_product_is_closer_to_itself_than_to_others() -> None:
    decode = serving_module("decode", "pixels").decode
    designs = catalog(6, 4242)
    tops = [np.stack([decode(shoot(design, seed=seed).rgb[0]) for design in designs]) for seed in (0, 1)]
    first, second = (session("gallery_encoder").run(["EMBEDDING"], {"PIXELS": pixels})[0] for pixels in tops)
    assert ((first @ second.T).argmax(axis=1) == np.arange(len(designs))).mean() >= 0.8


def test_the_calibration_belongs_to_the_network_beside_it() -> None:
    calibration = json.loads(CALIBRATION.read_text())
    assert f'"{calibration["build"]}"' in config("damage_classifier")
    assert 0 < calibration["threshold"] < 1
    assert calibration["at_threshold"]["validation"]["false_positive_rate"] <= 0.01
