"""The script of a day, the captures that play it, and the associate who looks at some of them."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from services.kernel import records as r
from services.stack import day as script
from services.stack.associate import LOOKS_S, Associate, label_of
from services.stack.day import (
    DARK,
    DIM,
    DIM_STATION,
    EPISODES,
    FLOW,
    LEAKING,
    LEAST,
    PICTURES,
    REDESIGN,
    TORN,
    Day,
)
from services.stack.posting import Photo
from services.stack.sample import SAMPLE, Truth, sample
from services.stack.world import FRAGILE_VENDOR, make_world
from tests.stack import sightings as s
from triton_models.serving import serving_module


@pytest.fixture(scope="module")
def day() -> Day:
    return script.play(make_world(products=48, totes=110), 330, 3.0, 7)


def test_the_pictures_of_the_day_and_the_sample_are_small_together() -> None:
    files = [f for root in (SAMPLE, PICTURES) for f in root.rglob("*") if f.is_file()]
    assert sum(file.stat().st_size for file in files) <= 25_000_000


def test_a_day_is_two_minutes_at_a_steady_rate_and_the_same_for_the_same_seed(day: Day) -> None:
    assert day.seconds == pytest.approx(110)
    assert [round(item.at_s * 3) for item in day.planned] == list(range(330))
    again = script.play(make_world(products=48, totes=110), 330, 3.0, 7)
    assert [p.capture_id for p in again.planned] == [p.capture_id for p in day.planned]
    assert [p.barcode for p in again.planned] == [p.barcode for p in day.planned]


def test_each_episode_takes_place_in_its_hours_and_the_flow_all_day(day: Day) -> None:
    for episode in EPISODES[1:]:
        found = day.of(episode)
        assert len(found) == episode.items
        for item in found:
            assert episode.begins - 0.02 <= item.at_s / day.seconds <= episode.ends + 0.02
    flow = [item.at_s for item in day.of(FLOW)]
    assert len(flow) == 330 - sum(e.items for e in EPISODES)
    assert max(b - a for a, b in pairwise(flow)) < 3


def test_nothing_that_is_sent_says_to_which_episode_an_item_belongs(day: Day) -> None:
    words = {e.name for e in EPISODES} | {DARK, "damaged"}
    for item in day.planned:
        sent = (
            item.item_id,
            item.tote_id,
            item.center_id,
            item.station_id,
            item.idempotency_key,
            item.barcode,
        )
        assert not any(word in str(part) for word in words for part in sent)
        assert item.item_id.removeprefix("I7-").isdigit()


def test_every_item_lies_where_its_tote_expects_its_product(day: Day) -> None:
    expected = {(m.tote_id, e.product_id) for m in day.world.manifests for e in m.entries}
    for item in day.planned:
        assert item.tote_id is None or (item.tote_id, item.product_id) in expected
    lines = {line.order_line_id for line in day.world.lines}
    entries = [e.order_line_id for m in day.world.manifests for e in m.entries]
    assert len(entries) == len(set(entries)) == len(lines)


def test_the_torn_mailers_are_of_one_supplier_and_mostly_torn(day: Day) -> None:
    vendors = {p.product_id: p.vendor_id for p in day.world.products}
    found = day.of(TORN)
    assert {vendors[str(item.product_id)] for item in found} == {FRAGILE_VENDOR}
    assert sum(item.truth is not None and item.truth.damaged for item in found) >= 0.7 * len(found)
    assert set(Counter(vendors.values()).values()) == {8}  # the others were given as many in return


def test_the_next_print_is_one_intact_product_in_many_totes_each_picture_once(day: Day) -> None:
    found = day.of(REDESIGN)
    assert len({item.product_id for item in found}) == 1
    assert len({item.photos[0].data for item in found}) == len(found) == 20
    assert len({item.tote_id for item in found}) >= 5
    assert len({item.lot_id for item in found}) == 5
    assert not any(item.truth is not None and item.truth.damaged for item in found)
    flow = [item for item in day.of(FLOW) if item.product_id == found[0].product_id]
    assert all(item.truth is not None and item.truth.scenario != "redesign" for item in flow)


def test_the_pallet_is_one_dangerous_product_that_nobody_ordered_yet(day: Day) -> None:
    found = day.of(LEAKING)
    products = {p.product_id: p for p in day.world.products}
    assert {products[str(item.product_id)].hazardous for item in found} == {True}
    assert {(item.tote_id, item.stage) for item in found} == {(None, r.Stage.RECEIVE)}
    assert len({item.lot_id for item in found}) == 1
    assert {item.truth.defect_types for item in found if item.truth is not None} == {("spillage",)}


def test_the_dim_camera_is_a_station_of_its_own_and_gets_darker(day: Day) -> None:
    kinds = [item.truth.scenario for item in day.of(DIM) if item.truth is not None]
    assert kinds == sorted(kinds, key=lambda kind: kind == DARK)
    assert set(kinds) == {"dim", DARK}
    assert {item.station_id for item in day.of(DIM)} == {DIM_STATION}
    assert DIM_STATION not in {item.station_id for e in EPISODES if e is not DIM for item in day.of(e)}


def test_the_measure_that_stations_are_told_by_tells_each_dark_picture_and_no_other(day: Day) -> None:
    quality, pixels = serving_module("capture_quality", "quality"), serving_module("decode", "pixels")
    tray, dark = serving_module("decode", "framing").tray, quality.PROBLEMS.index("dark")

    def is_dark(photo: Photo) -> bool:
        picture = np.asarray(pixels.fitted(photo.data, quality.SIDE))
        return bool(quality.judged(quality.measured(picture, tray))[dark] >= 0.5)

    for item in (each for episode in EPISODES[1:] for each in day.of(episode)):
        found = any(is_dark(photo) for photo in item.photos if photo.role is r.ImageRole.RGB)
        assert found == (item.truth is not None and item.truth.scenario == DARK)


def test_a_day_of_a_few_captures_is_refused_and_a_longer_one_has_more_flow() -> None:
    world = make_world(products=48, totes=110)
    with pytest.raises(ValueError, match=f"at least {LEAST}"):
        script.play(world, LEAST - 1, 3.0, 7)
    longer = script.play(world, 600, 10.0, 7)
    assert [len(longer.of(e)) for e in EPISODES[1:]] == [e.items for e in EPISODES[1:]]
    assert longer.seconds == 60


def test_the_clock_goes_from_six_to_ten() -> None:
    assert [script.clock(share) for share in (0, 0.5, 1)] == ["06:00", "14:00", "22:00"]


def test_the_pictures_of_the_day_are_not_those_of_the_sample(day: Day) -> None:
    usual = {one.photos[0].data for one in sample().taken}
    assert not any(item.photos[0].data in usual for e in EPISODES[1:] for item in day.of(e))


# -- the associate ------------------------------------------------------------------------------------------------


def pulled(item_id: str, **given: object) -> object:
    return s.seen("sideline.commands", s.command(1, item_id=item_id, **given))


def test_an_associate_says_what_is_true_of_as_many_pulled_items_as_the_script_says(day: Day) -> None:
    associate = Associate(day)
    events = [pulled(item.item_id) for item in day.of(REDESIGN)]
    assert associate.look(events, 10.0) == []  # it takes a moment
    labels = associate.look(events, 10.0 + LOOKS_S)
    assert len(labels) == REDESIGN.people
    assert {label.verdict for label in labels} == {r.Verdict.INTACT}
    assert associate.look(events, 99.0) == []


def test_an_associate_looks_at_nothing_that_stays_on_the_belt_and_at_no_item_twice(day: Day) -> None:
    associate = Associate(day)
    first, second = (item.item_id for item in day.of(TORN)[:2])
    events = [pulled(first), pulled(first, revision=2), pulled(second, action=r.SidelineAction.SAMPLE)]
    associate.look(events, 0.0)
    assert [label.item_id for label in associate.look(events, LOOKS_S)] == [first]


def test_a_label_of_the_truth_is_one_that_the_mesh_takes() -> None:
    torn = Truth(damaged=True, severity="minor", defect_types=("penetration",))
    label = label_of("I1", torn, s.NOW)
    assert (label.verdict, label.severity) == (r.Verdict.DAMAGED, r.Severity.MINOR)
    whole = label_of("I1", Truth(damaged=False, severity="none", defect_types=()), s.NOW)
    assert (whole.verdict, whole.severity, whole.defect_types) == (r.Verdict.INTACT, r.Severity.NONE, ())
    assert label.label_id == whole.label_id  # one label of an item, however often it is sent
