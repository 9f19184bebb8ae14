"""Each fault of a photo is told from good photos, and from things that only look like it."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from services.kernel.records import ImageRole
from services.stack.sample import sample
from triton_models.serving import serving_module

quality = serving_module("capture_quality", "quality")
pixels = serving_module("decode", "pixels")
framing = serving_module("decode", "framing")

Picture = np.ndarray[Any, np.dtype[np.uint8]]


def problems(picture: Picture) -> set[str]:
    scores = quality.judged(quality.measured(picture, framing.tray))
    assert scores.dtype == np.float32
    assert ((scores >= 0) & (scores <= 1)).all()
    return {name for name, score in zip(quality.PROBLEMS, scores, strict=True) if score >= 0.5}


def edges(picture: Picture) -> set[str]:
    reached = quality.measured(picture, framing.tray).edges
    return {name for name, share in zip(quality.EDGES, reached, strict=True) if share >= 0.07}


def tray(colour: tuple[int, int, int] = (92, 96, 100)) -> Picture:
    noise = np.random.default_rng(1).normal(0, 2, (256, 256, 1))
    slope = np.linspace(-12, 12, 256)[:, None, None]
    return np.clip(np.float64(colour) + noise + slope, 0, 255).astype(np.uint8)


def with_item(
    left: int = 70, *, colour: tuple[int, int, int] = (230, 205, 60), plain: bool = False
) -> Picture:
    """A box on the tray, with letters unless it is plain."""
    picture, top = tray(), 80
    cv2.rectangle(picture, (left, top), (left + 110, top + 90), colour, cv2.FILLED)
    if not plain:
        cv2.putText(
            picture, "TEA 500", (left + 8, top + 50), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (250, 250, 250), 2
        )
    return picture


def fitted(data: bytes) -> Picture:
    return np.asarray(pixels.fitted(data, quality.SIDE))


@pytest.mark.parametrize("plain", [False, True], ids=["printed", "plain"])
def test_an_item_in_the_middle_is_well_photographed(*, plain: bool) -> None:
    assert problems(with_item(plain=plain)) == set()


def test_an_item_as_light_as_the_tray_is_told_by_its_colour() -> None:
    assert problems(with_item(colour=(190, 40, 50), plain=True)) == set()


def test_simulated_captures_of_the_ordinary_flow_are_well_photographed() -> None:
    shown = [one for one in sample().taken if one.truth.scenario == "ordinary"]
    pictures = [p.data for one in shown for p in one.photos if p.role is ImageRole.RGB]
    said = [problems(fitted(data)) for data in pictures]
    assert sum(map(bool, said)) <= 0.03 * len(pictures)


def test_simulated_captures_that_are_badly_placed_get_advice() -> None:
    shown = [one for one in sample().taken if one.truth.scenario == "badly_placed"]
    said = [any(problems(fitted(p.data)) for p in one.photos if p.role is ImageRole.RGB) for one in shown]
    assert sum(said) >= 0.8 * len(shown)


@pytest.mark.parametrize(("left", "edge"), [(-40, "left"), (190, "right")])
def test_an_item_over_an_edge_is_cut_off_there(left: int, edge: str) -> None:
    picture = with_item(left)
    assert problems(picture) == {"cut_off"}
    assert edges(picture) == {edge}


def test_a_scrap_at_the_edge_is_no_item_cut_off() -> None:
    picture = with_item()
    cv2.rectangle(picture, (0, 200), (20, 222), (200, 170, 130), cv2.FILLED)
    assert problems(picture) == set()


@pytest.mark.parametrize("plain", [False, True], ids=["printed", "plain"])
def test_a_blurred_photo_is_told_from_a_plain_item(*, plain: bool) -> None:
    assert problems(cv2.GaussianBlur(with_item(plain=plain), (0, 0), 2.0)) == {"blurred"}


def test_too_little_light_is_dark_but_a_dark_tray_is_not() -> None:
    assert problems((with_item() * 0.3).astype(np.uint8)) == {"dark"}
    picture = with_item()
    picture[(picture == tray()).all(-1)] = (26, 26, 28)
    assert problems(picture) == set()


@pytest.mark.parametrize("colour", [(26, 27, 29), (92, 96, 100), (180, 180, 176)])
def test_an_empty_tray_is_empty_and_nothing_else(colour: tuple[int, int, int]) -> None:
    assert problems(tray(colour)) == {"empty"}


def test_packing_paper_over_an_item_covers_it_but_a_brown_carton_covers_nothing() -> None:
    picture = with_item()
    cv2.rectangle(picture, (120, 60), (215, 150), (196, 168, 128), cv2.FILLED)
    assert "covered" in problems(picture)
    carton = tray()
    cv2.rectangle(carton, (70, 80), (180, 170), (196, 168, 128), cv2.FILLED)
    cv2.putText(carton, "SCREWS", (78, 130), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (40, 30, 20), 2)
    assert problems(carton) == set()


@pytest.mark.parametrize("size", [(1, 1), (8, 256), (256, 8), (192, 256)])
@pytest.mark.parametrize("value", [0, 255])
def test_any_picture_is_judged(size: tuple[int, int], value: int) -> None:
    problems(np.full((*size, 3), value, np.uint8))


def test_a_picture_is_fitted_whole_and_refused_as_the_decoder_refuses_it() -> None:
    out = io.BytesIO()
    Image.new("RGB", (1600, 800)).save(out, "JPEG")
    assert fitted(out.getvalue()).shape == (128, 256, 3)
    with pytest.raises(pixels.DecodeError, match=r"^DECODE: .*damaged or cut off"):
        pixels.fitted(out.getvalue()[:-300], quality.SIDE)
