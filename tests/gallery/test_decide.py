from __future__ import annotations

from typing import Any

from services.gallery import decide
from services.kernel import records as r
from tests.samples import ENCODER, NOON, inspection, subject


def seen(name: str, encoder: str = ENCODER) -> r.Inspection:
    return inspection(subject(name, enrol_product_id="P1"), versions={"model.gallery_encoder": encoder})


def enrolled(*names: str, known: r.Gallery | None = None, **given: Any) -> r.Gallery:
    for name in names:
        before = decide.Before(known=known, version=known.version if known else 0)
        known = decide.enrolled(before, seen(name, **given), f"references/P1/{name}", NOON)
        assert known is not None
    assert known is not None
    return known


def keys(gallery: r.Gallery) -> list[str]:
    return [ref.features_key.rsplit("/", 1)[1] for ref in gallery.references]


def test_the_first_reference_makes_a_gallery_of_its_encoder() -> None:
    gallery = enrolled("a")
    assert (gallery.product_id, gallery.version, gallery.encoder, keys(gallery)) == ("P1", 1, ENCODER, ["a"])


def test_each_further_reference_makes_the_next_version_of_the_whole_list() -> None:
    gallery = enrolled("a", "b", "c")
    assert (gallery.version, keys(gallery)) == (3, ["a", "b", "c"])


def test_a_capture_that_is_in_the_list_changes_nothing() -> None:
    before = decide.Before(known=enrolled("a", "b"), version=2)
    assert decide.enrolled(before, seen("a"), "elsewhere", NOON) is None


def test_the_oldest_reference_makes_room() -> None:
    names = "abcdefgh"
    gallery = enrolled(*names)
    assert keys(gallery) == list(names[-decide.MOST :])


def test_another_encoder_goes_on_from_the_list_as_it_sees_it() -> None:
    as_it_sees_it = enrolled("a", "b", encoder="2+new")
    found = decide.enrolled(
        decide.Before(known=as_it_sees_it, version=7), seen("c", "2+new"), "references/P1/c", NOON
    )
    assert found is not None
    assert (found.version, found.encoder, keys(found)) == (8, "2+new", ["a", "b", "c"])


def test_an_encoder_that_saw_nothing_yet_begins_a_new_list() -> None:
    found = decide.enrolled(decide.Before(known=None, version=2), seen("c", "2+new"), "references/P1/c", NOON)
    assert found is not None
    assert (found.version, found.encoder, keys(found)) == (3, "2+new", ["c"])
