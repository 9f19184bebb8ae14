"""What several pictures and several references come to, and what is served without a server."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import cv2
import numpy as np
import pytest

from tests.triton_models.printed import jpeg, on_tray, printed
from triton_models.serving import REPOSITORY, serving_module

comparing: Any = serving_module("gallery_comparison", "comparing")
FOLDER = REPOSITORY / "gallery_comparison"
NETWORK = FOLDER / "1" / "gallery_comparison.onnx"


def one(picture: int, reference: int, scores: tuple[float, float, float], **more: Any) -> Any:
    heat = np.full((2, 16, 16), more.pop("heat", 0.0), np.float32)
    facts = {"inliers": 80, "likeness": 0.9} | more
    return comparing.Compared(
        picture=picture, reference=reference, scores=np.array(scores, np.float32), heat=heat, **facts
    )


def test_nothing_registered_is_all_zeros() -> None:
    answer = comparing.answer_of([])
    assert answer.scores.tolist() == [0, 0, 0, 0, 0, 0]
    assert (answer.heat.shape, answer.heat.dtype) == ((2, 16, 16), np.float16)


def test_what_one_sound_reference_has_too_is_not_foreign() -> None:
    damaged, sound = one(0, 0, (4, -3, -5), heat=3.0), one(0, 1, (-3, -4, -5), heat=-2.0, likeness=0.85)
    answer = comparing.answer_of([damaged, sound])
    assert answer.scores[:3].tolist() == [-3, -4, -5]
    assert answer.heat.max() == -2


def test_a_reference_that_lies_much_worse_has_no_say() -> None:
    answer = comparing.answer_of([one(0, 0, (4, -3, -5)), one(0, 1, (-3, -4, -5), likeness=0.4)])
    assert answer.scores[0] == 4


def test_a_reference_of_another_print_has_no_say_beside_one_of_this() -> None:
    answer = comparing.answer_of([one(0, 0, (-3, -3, -5)), one(0, 1, (-9, -9, 4), likeness=0.95)])
    assert answer.scores.tolist() == [-3, -3, -5, 80, 0, 0]


def test_the_worst_picture_decides_and_is_named() -> None:
    answer = comparing.answer_of([one(0, 1, (-4, -2, -5)), one(1, 2, (-3, 5, -4), inliers=30)])
    assert answer.scores.tolist() == [-3, 5, -5, 30, 1, 2]


def test_a_picture_that_matches_speaks_for_one_that_does_not() -> None:
    answer = comparing.answer_of([one(0, 1, (-4, -2, -5)), one(1, 0, (6, 5, 3))])
    assert answer.scores.tolist() == [-4, -2, -5, 80, 0, 1]


def test_where_all_show_another_print_that_is_said() -> None:
    assert comparing.answer_of([one(0, 1, (2, 1, 4)), one(1, 0, (6, 5, 3))]).scores[2] == 3


def test_the_config_names_the_build_of_the_network_beside_it() -> None:
    text = (FOLDER / "config.pbtxt").read_text()
    build = hashlib.sha256(NETWORK.read_bytes()).hexdigest()[:12]
    assert re.search(rf'key: "build" value: {{ string_value: "{build}" }}', text)
    assert json.loads((FOLDER / "1" / "thresholds.json").read_text())["build"] == build


def test_the_network_is_small() -> None:
    assert NETWORK.stat().st_size <= 4_000_000


@pytest.fixture(scope="module")
def comparison() -> Any:
    return comparing.Comparison(NETWORK, kept=2)


def test_a_print_like_its_reference_is_as_it_should_be_and_a_hole_in_it_is_not(comparison: Any) -> None:
    reference = jpeg(on_tray(printed(5))[0])
    whole, way = on_tray(printed(5), turn=20)
    spot = (way @ np.array([150, 150, 1.0]))[:2].astype(int)
    sound, holed = (comparison.answer([data], [reference]) for data in (jpeg(whole), _holed(5)))
    assert sound.scores[3] >= 30
    assert holed.scores[0] > sound.scores[0] + 1
    row, column = np.unravel_index(holed.heat[0].argmax(), (16, 16))
    assert np.hypot(row * 20 + 10 - spot[1], column * 20 + 10 - spot[0]) < 50


def _holed(seed: int) -> bytes:
    picture, way = on_tray(printed(seed), turn=20)
    spot = (way @ np.array([150, 150, 1.0]))[:2].astype(int)
    cv2.circle(picture, (int(spot[0]), int(spot[1])), 22, (25, 20, 18), -1, cv2.LINE_AA)
    return jpeg(picture)


def test_what_the_first_reference_excuses_is_not_asked_of_the_next(comparison: Any) -> None:
    references = [jpeg(on_tray(printed(5), light=light)[0]) for light in (1.0, 0.8, 0.7)]
    whole = jpeg(on_tray(printed(5), turn=20)[0])
    assert [one.reference for one in comparison.compared([whole], references)] == [0]


def test_what_one_reference_accuses_a_second_one_must_confirm(comparison: Any) -> None:
    references = [jpeg(on_tray(printed(5), light=light)[0]) for light in (1.0, 0.8, 0.7)]
    assert [one.reference for one in comparison.compared([_holed(5)], references)] == [0, 1]


def test_other_products_are_not_compared(comparison: Any) -> None:
    answer = comparison.answer([jpeg(on_tray(printed(5))[0])], [jpeg(on_tray(printed(6))[0])])
    assert answer.scores.tolist() == [0, 0, 0, 0, 0, 0]


def test_without_references_nothing_is_compared(comparison: Any) -> None:
    assert comparison.answer([jpeg(on_tray(printed(5))[0])], []).scores[3] == 0


def test_an_answer_does_not_depend_on_what_was_kept_before(comparison: Any) -> None:
    pictures = [jpeg(on_tray(printed(5), turn=turn)[0]) for turn in (0, 30)]
    references = [jpeg(on_tray(printed(seed), light=light)[0]) for seed in (5, 6) for light in (1, 0.8)]
    first = comparison.answer(pictures, references)
    again = comparison.answer(pictures, references)
    fresh = comparing.Comparison(NETWORK).answer(pictures, references)
    assert first.scores.tolist() == again.scores.tolist() == fresh.scores.tolist()
    assert len(comparison._looks) == 2, "no more than it was told to keep"


def test_bytes_that_are_no_picture_are_refused_in_the_decoders_words(comparison: Any) -> None:
    pixels: Any = serving_module("decode", "pixels")
    good = jpeg(on_tray(printed(5))[0])
    for pictures, references in (([b"junk"], [good]), ([good], [good[: len(good) // 3]])):
        with pytest.raises(pixels.DecodeError, match=r"^DECODE: "):
            comparison.answer(pictures, references)
