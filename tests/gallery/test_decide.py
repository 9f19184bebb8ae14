from __future__ import annotations

from typing import Any

from services.gallery import decide
from services.kernel import records as r
from tests.samples import ENCODER, NOON, inspection, subject


def seen(name: str, encoder: str = ENCODER) -> r.Inspection:
    return inspection(subject(name, enrol_product_id="P1"), versions={"model.gallery_encoder": encoder})


def enrolled(*names: str, known: r.Gallery | None = None, **given: Any) -> r.Gallery:
    for name in names:
        known = decide.enrolled(known, seen(name, **given), f"references/P1/{name}", NOON)
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
    assert decide.enrolled(enrolled("a", "b"), seen("a"), "elsewhere", NOON) is None


def test_the_oldest_reference_makes_room() -> None:
    names = "abcdefgh"
    gallery = enrolled(*names)
    assert keys(gallery) == list(names[-decide.MOST :])


def test_a_new_encoder_begins_a_new_list() -> None:
    gallery = enrolled("c", known=enrolled("a", "b"), encoder="2+new")
    assert (gallery.version, gallery.encoder, keys(gallery)) == (3, "2+new", ["c"])


def test_the_same_capture_seen_by_a_new_encoder_is_enrolled_again() -> None:
    assert keys(enrolled("a", known=enrolled("a"), encoder="2+new")) == ["a"]
