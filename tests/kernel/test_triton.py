"""Answers of Triton are believed only when they are what was asked for."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from tritonclient.grpc import service_pb2 as pb

from services.kernel.faults import DependencyFault
from services.kernel.triton import read_answer, read_difference

CROP = b"\xff\xd8\xff picture"


def strings(values: list[bytes]) -> bytes:
    return b"".join(struct.pack("<I", len(v)) + v for v in values)


def answer(**tensors: tuple[str, tuple[int, ...], bytes]) -> Any:
    made = pb.ModelInferResponse()
    for name, (kind, shape, content) in tensors.items():
        made.outputs.add(name=name, datatype=kind, shape=shape)
        made.raw_output_contents.append(content)
    return made


def floats(shape: tuple[int, ...], value: float, kind: str = "FP32") -> tuple[str, tuple[int, ...], bytes]:
    dtype = "<f4" if kind == "FP32" else "<f2"
    return kind, shape, np.full(shape, value, dtype).tobytes()


def version(number: int, build: int, rows: int = 2) -> tuple[str, tuple[int, ...], bytes]:
    return "INT64", (rows, 2), np.array([[number, build]] * rows, "<i8").tobytes()


def sight(**changed: tuple[str, tuple[int, ...], bytes]) -> Any:
    unit = np.zeros((2, 256), "<f4")
    unit[:, 0] = 1
    return answer(
        **{
            "DAMAGE": floats((2, 9), 0.25),
            "EMBEDDING": ("FP32", (2, 256), unit.tobytes()),
            "MATTER": floats((2, 5), -3.0),
            "CROP": ("BYTES", (2, 1), strings([CROP, CROP + b"!"])),
            "CLASSIFIER_VERSION": version(101, 0xABC),
            "ENCODER_VERSION": version(1, 0xDEF),
        }
        | changed
    )


def compared(*scores: float, heat: float = 0.5) -> Any:
    return answer(
        SCORES=("FP32", (6,), np.array(scores, "<f4").tobytes()), HEAT=floats((2, 16, 16), heat, "FP16")
    )


def test_a_whole_answer_is_read() -> None:
    found = read_answer(sight(), 2)
    assert found.crops == (CROP, CROP + b"!")
    assert (found.damage.shape, found.matter.shape) == ((2, 9), (2, 5))
    assert found.versions == {
        "model.damage_classifier": "101+000000000abc",
        "model.gallery_encoder": "1+000000000def",
    }


@pytest.mark.parametrize(
    "changed",
    [
        {"DAMAGE": floats((2, 9), 1.5)},
        {"DAMAGE": floats((2, 9), float("nan"))},
        {"DAMAGE": ("FP32", (2, 9), b"")},
        {"EMBEDDING": floats((2, 256), 0.0)},
        {"MATTER": floats((2, 5), float("inf"))},
        {"MATTER": floats((2, 4), 0.0)},
        {"CROP": ("BYTES", (2, 1), strings([CROP]))},
        {"CROP": ("BYTES", (2, 1), strings([CROP, CROP])[:-1])},
        {"CROP": ("BYTES", (2, 1), strings([CROP, b"GIF89a"]))},
        {"CROP": ("BYTES", (2, 1), b"")},
        {"CLASSIFIER_VERSION": version(0, 7)},
        {"CLASSIFIER_VERSION": version(1, 7, rows=1)},
        {"ENCODER_VERSION": ("INT64", (2, 2), np.array([[1, 7], [2, 7]], "<i8").tobytes())},
    ],
)
def test_an_answer_without_sense_is_the_dependencys_fault(changed: Any) -> None:
    with pytest.raises(DependencyFault):
        read_answer(sight(**changed), 2)


def test_a_comparison_is_read() -> None:
    found = read_difference(compared(1.5, -2, -4, 37, 1, 2), 2, 3)
    assert (found.changed, found.missing, found.mismatch) == (1.5, -2, -4)
    assert (found.inliers, found.query, found.reference) == (37, 1, 2)
    assert found.heat.shape == (2, 16, 16)


@pytest.mark.parametrize(
    "wrong",
    [
        compared(1.5, -2, -4, 37, 2, 2),
        compared(1.5, -2, -4, 37, 1, 3),
        compared(1.5, -2, -4, -1, 1, 2),
        compared(float("nan"), -2, -4, 37, 1, 2),
        compared(1.5, -2, -4, 37, 1, 2, heat=float("inf")),
        compared(1.5, -2, -4, 37, 1, 2, heat=float("nan")),
        answer(SCORES=floats((6,), 0.0)),
        answer(),
    ],
    ids=["query", "reference", "inliers", "no number", "heat", "heat no number", "no heat", "nothing"],
)
def test_a_comparison_without_sense_is_the_dependencys_fault(wrong: Any) -> None:
    with pytest.raises(DependencyFault):
        read_difference(wrong, 2, 3)
