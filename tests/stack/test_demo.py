"""What the demo sends: a day where there are captures enough for one."""

from __future__ import annotations

from services.stack.commands.demo import _load
from services.stack.day import LEAST
from services.stack.world import rows


def test_a_demo_is_a_day_and_a_short_one_ordinary_flow() -> None:
    day = _load(None, 330, 3.0, 7)
    assert day.day is not None
    assert (day.world, list(day.captures)) == (day.day.world, list(day.day.planned))
    short = _load(None, LEAST - 1, 3.0, 7)
    assert (short.day, len(short.captures)) == (None, LEAST - 1)


def test_every_product_of_a_day_is_in_the_catalogue_and_has_references() -> None:
    load = _load(None, LEAST, 3.0, 7)
    catalogued = {key for topic, key, _ in rows(load.world) if topic == "catalog.products"}
    enrolled = {item.enrol_product_id for item in load.references}
    shown = {item.product_id for item in load.captures}
    assert shown <= catalogued == enrolled
