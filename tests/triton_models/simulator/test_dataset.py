"""The simulated data set: what a user of Kaputt's format gets, whatever happened while it was rendered."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from triton_models import kaputt
from triton_models.simulator import catalogue, dataset
from triton_models.simulator.dataset import Job
from triton_models.simulator.scenarios import SCENARIOS, capture, suits

PIXELS = 64


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Job], list[Job]]:
    root = tmp_path_factory.mktemp("rendered")
    jobs = [_small(job) for job in dataset.plan("test", 5, 3, 0)]
    references = [_small(job) for job in dataset.references_for(jobs)][:4]
    for job in [*jobs, *references]:
        dataset.work(root, job)
    dataset.tables(root, "test", jobs, references)
    return root, jobs, references


def _small(job: Job) -> Job:
    return Job(**{name: getattr(job, name) for name in Job.__slots__} | {"pixels": PIXELS})


def test_loads_as_kaputts_own_format(rendered: tuple[Path, list[Job], list[Job]]) -> None:
    root, jobs, references = rendered
    split = kaputt.load(root, "test")
    assert [query.capture_id for query in split.queries] == [job.name for job in jobs]
    assert sum(len(found) for found in split.references_by_item.values()) == len(references)
    for query in split.queries:
        assert query.item_material == catalogue.design(query.design or 0).item_material
        assert query.defect == bool(query.defect_types)
        assert query.scenario == "ordinary"


def test_pictures_depth_and_masks_lie_on_one_another(rendered: tuple[Path, list[Job], list[Job]]) -> None:
    root, _, _ = rendered
    for query in kaputt.load(root, "test").queries:
        assert query.depth_image is not None
        assert query.damage_mask is not None
        depth = cv2.imread(str(query.depth_image), cv2.IMREAD_UNCHANGED)
        item = cv2.imread(str(query.query_mask), cv2.IMREAD_GRAYSCALE)
        damage = cv2.imread(str(query.damage_mask), cv2.IMREAD_GRAYSCALE)
        assert depth.dtype == np.uint16
        assert cv2.imread(str(query.query_image)).shape == (PIXELS, PIXELS, 3)
        assert depth.shape == item.shape == damage.shape == (PIXELS, PIXELS)
        assert (damage > 0).any() <= query.defect
        known = (depth > 0) & (item > 0)
        tray = np.median(depth[(depth > 0) & (item == 0)])
        assert np.median(depth[known]) < tray, "the item stands nearer to the camera than the tray"


def test_the_same_seed_gives_the_same_bytes(
    rendered: tuple[Path, list[Job], list[Job]], tmp_path: Path
) -> None:
    root, jobs, _ = rendered
    dataset.work(tmp_path, jobs[0])
    files = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert files
    for file in files:
        assert (tmp_path / file).read_bytes() == (root / file).read_bytes(), file


def test_what_is_there_is_not_rendered_again(rendered: tuple[Path, list[Job], list[Job]]) -> None:
    root, jobs, _ = rendered
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*.jpg")}
    assert list(dataset.render(root, jobs, workers=1)) == jobs
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*.jpg")} == before


def test_no_product_is_in_two_splits() -> None:
    shown = {split: {job.design for job in dataset.plan(split, 1, 400, 20)} for split in dataset.SPLITS}
    assert not shown["train"] & shown["test"]
    assert not shown["train"] & shown["validation"]
    assert not shown["validation"] & shown["test"]


def test_job_names_are_unique_over_scenarios() -> None:
    jobs = dataset.plan("train", 1, 500, 50)
    assert len({job.name for job in jobs}) == len(jobs) == 500 + 50 * (len(SCENARIOS) - 1)


def test_each_item_kind_can_be_photographed() -> None:
    first: dict[str, int] = {}
    for number in range(catalogue.DESIGNS):
        first.setdefault(catalogue.design(number).kind, number)
    for number in first.values():
        taken = capture(catalogue.design(number), "crumpled", np.random.default_rng(3), PIXELS)
        assert taken.top.item.any()
        assert not taken.top.damage.any()


@pytest.mark.parametrize("scenario", ["leaking", "missing_units"])
def test_damage_that_a_scenario_promises_can_be_seen(scenario: str) -> None:
    fit = [n for n in range(0, catalogue.DESIGNS, 5) if suits(catalogue.design(n), scenario)][:3]
    for number in fit:
        taken = capture(catalogue.design(number), scenario, np.random.default_rng(1), PIXELS)
        assert taken.defects
        assert taken.side is not None
        assert taken.top.damage.any() or taken.side.damage.any()


@pytest.mark.parametrize("scenario", ["foreign_matter", "printed_damage", "redesign", "glare", "stickered"])
def test_what_only_looks_like_damage_is_not_marked(scenario: str) -> None:
    number = next(n for n in range(catalogue.DESIGNS) if suits(catalogue.design(n), scenario))
    taken = capture(catalogue.design(number), scenario, np.random.default_rng(2), PIXELS)
    assert not taken.defects
    assert not taken.top.damage.any()
    assert taken.side is not None
    assert not taken.side.damage.any()


def test_truth_is_beside_the_pictures_not_in_them(rendered: tuple[Path, list[Job], list[Job]]) -> None:
    root, jobs, _ = rendered
    said = json.loads((root / "said" / "test" / f"{jobs[0].name}.json").read_text())
    pictures = {path.name for path in (root / "images").rglob("*") if path.is_file()}
    assert said["scenario"] not in " ".join(pictures)
