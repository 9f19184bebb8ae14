"""Snapshots show what they should, and the same seed gives the same ones."""

from __future__ import annotations

import numpy as np

from triton_models import shelf
from triton_models.registration import features, foremost
from triton_models.simulator import catalogue


def test_the_same_seed_gives_the_same_snapshot() -> None:
    number = shelf.designs("validation")[0]
    one, two = (shelf.snapshot(number, np.random.default_rng(3)) for _ in range(2))
    assert one.shape == (shelf.SIDE, shelf.SIDE, 3)
    assert np.array_equal(one, two)


def test_a_product_is_printed_and_of_its_split() -> None:
    for number in shelf.designs("validation"):
        assert catalogue.split_of(number) == "validation"
        assert catalogue.design(number).kind not in {"carton", "mailer"}


def test_a_snapshot_shows_the_product_of_the_catalogue_picture() -> None:
    number = shelf.designs("validation")[0]
    reference = features(shelf.catalogue_picture(number), longest=396, tilts=(1.5,))
    found = [
        foremost(features(shelf.snapshot(number, np.random.default_rng(k))), reference) for k in range(6)
    ]
    assert sum(one is not None and one.inliers >= 12 for one in found) >= 3
