"""What is kept of each capture for the fusion: complete, in order, and never mixed with another run's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.triton_models.small_set import draw
from triton_models import kaputt, sightings
from triton_models.problems import BadData

SAID = {"comparison": "x"}


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> kaputt.Split:
    root = tmp_path_factory.mktemp("small")
    draw(root, "validation", count=4)
    return kaputt.load(root, "validation")


def test_captures_come_in_the_splits_order_and_are_read_back(split: kaputt.Split, tmp_path: Path) -> None:
    out = tmp_path / "seen.npz"
    rows = sightings.look(sightings.jobs(split, None), out, SAID, workers=1)
    assert [row.capture_id for row in rows] == [query.capture_id for query in split.queries]
    back = sightings.load(out)
    assert [row.capture_id for row in back] == [row.capture_id for row in rows]
    assert all(np.isnan(row.changed) for row in back), "grey cards have no print to register"
    assert all(row.references == 1 for row in back)
    assert not out.with_name("seen.npz.part").exists()


def test_a_run_that_was_cut_short_goes_on_where_it_stopped(split: kaputt.Split, tmp_path: Path) -> None:
    wanted, out = sightings.jobs(split, None), tmp_path / "seen.npz"
    kept = sightings.sight(wanted[2])
    line = json.dumps({name: getattr(kept, name) for name in kept.__slots__} | {"inliers": 77})
    (tmp_path / "seen.npz.part").write_text(f'{json.dumps(SAID)}\n{line}\n{{"capture_id": "half a li')
    rows = sightings.look(wanted, out, SAID, workers=1)
    assert [row.inliers for row in rows] == [0, 0, 77, 0]


def test_a_part_of_another_run_is_refused(split: kaputt.Split, tmp_path: Path) -> None:
    (tmp_path / "seen.npz.part").write_text('{"comparison": "y"}\n')
    with pytest.raises(BadData, match="another run"):
        sightings.look(sightings.jobs(split, None), tmp_path / "seen.npz", SAID, workers=1)


def test_a_wrong_gallery_is_always_another_products(split: kaputt.Split) -> None:
    for job in sightings.jobs(split, None, gallery="other"):
        assert {one.item_identifier for one in job.references}.isdisjoint({job.query.item_identifier})
    assert all(not job.references for job in sightings.jobs(split, None, gallery="none"))


def test_the_fusion_takes_what_was_not_compared_as_not_known(split: kaputt.Split) -> None:
    rows = [sightings.sight(job) for job in sightings.jobs(split, None)]
    evidence = sightings.evidence_of(rows)
    assert np.isnan(evidence.changed).all()
    assert np.isnan(evidence.mismatch).all()


def test_contents_are_known_of_simulated_products_only(split: kaputt.Split) -> None:
    assert sightings.contents_of(split.queries[0]) is None
