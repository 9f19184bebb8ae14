"""A registered reference agrees with the picture in print and colour, and its flavours less."""

from __future__ import annotations

import numpy as np

from tests.triton_models.test_mmid import pack
from triton_models import mmid_colour as colour
from triton_models import mmid_overlay as overlay
from triton_models.registration import Picture

HERE = np.eye(3)


def swatch(picture: Picture) -> colour.Swatch:
    return colour.swatch(picture, colour.foreground(picture))


def structure(query: Picture, reference: Picture) -> float:
    return overlay.structure(overlay.fine(query), HERE, overlay.grey(reference), swatch(reference))


def test_print_that_is_there_correlates_and_other_print_does_not() -> None:
    assert structure(pack(1), pack(1)) > 0.85
    assert structure(pack(1), pack(2)) < 0.5


def test_print_correlates_in_dim_light_too() -> None:
    dim = (pack(1) * 0.5).astype(np.uint8)
    assert structure(dim, pack(1)) > 0.75


def test_colours_agree_whatever_the_light_and_a_flavour_agrees_less() -> None:
    query = colour.soften((pack(1, "red") * np.array((0.8, 0.7, 0.65))).astype(np.uint8))
    same, other = (overlay.colours(query, HERE, swatch(pack(1, ink))) for ink in ("red", "blue"))
    assert same > 0.5
    assert same > other + 0.05


def test_what_lies_outside_the_picture_agrees_with_nothing() -> None:
    away = np.array([[1.0, 0, 5000], [0, 1, 0], [0, 0, 1]])
    assert overlay.structure(overlay.fine(pack(1)), away, overlay.grey(pack(1)), swatch(pack(1))) == 0
    assert overlay.colours(colour.soften(pack(1)), away, swatch(pack(1))) < 0.05
