"""What the gallery service reads and writes, and that a process may die anywhere in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from services.gallery.app import build
from services.gallery.pictures import Pictures
from services.gallery.sightings import Limits
from services.kernel import bundle, features, wire
from services.kernel import records as r
from services.kernel.faults import DataFault, DependencyFault, MissingRow
from services.kernel.sight import Difference
from tests.fakes import FakeBlobs, FakeIndex, FakeService
from tests.gallery.makers import embedding, sighting
from tests.samples import ENCODER, NOON, assessment, comparison, inspection, product, subject, uid

JPEG = b"\xff\xd8\xff"


class FakeComparer:
    """Finds pictures the same when they show the same words."""

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, bytes]] = []

    async def compare(self, query: Sequence[bytes], references: Sequence[bytes]) -> Difference:
        self.asked.append((query[0], references[0]))
        same = query[0] == references[0]
        return Difference(
            changed=-3.0,
            missing=-3.0,
            mismatch=-3.0 if same else 3.0,
            inliers=40,
            query=0,
            reference=0,
            heat=np.zeros((2, 16, 16), np.float16),
        )


def made() -> tuple[FakeService, FakeIndex]:
    service, index = FakeService("gallery"), FakeIndex()
    started(service, index)
    return service, index


def started(service: FakeService, index: FakeIndex) -> None:
    fake, blobs = service, service.blobs
    build(fake, index, Pictures(blobs, FakeComparer(), Limits()), lambda: NOON)  # type: ignore[arg-type]
    service.row("catalog.products", "P1", product("P1", barcode="1"))


def again(service: FakeService, index: FakeIndex, *, but: Sequence[str] = ()) -> FakeService:
    """The next life of the process: it reads what the last one had acknowledged, except the last of some topics."""
    fresh = FakeService("gallery")
    fresh.blobs = service.blobs
    started(fresh, index)
    kept = list(service.sent)
    for topic in but:
        kept.remove(next(s for s in reversed(kept) if s.topic == topic))
    for k, sent in enumerate(kept):
        if sent.topic in fresh.views:
            fresh.row(sent.topic, sent.key, sent.record, offset=k - 1000)
    return fresh


def photographed(blobs: FakeBlobs, seen: r.Subject, shows: str) -> None:
    """A capture as the station and inspect leave it in the store."""
    picture = f"picture of {seen.item_id}".encode()
    image = r.Image(
        camera="top",
        role=r.ImageRole.RGB,
        width=1,
        height=1,
        media_type="image/png",
        size=len(picture),
        key=bundle.image_keys(seen.capture_id, [len(picture)])[0],
        sha256="0",
    )
    event = wire.encode(r.Capture(subject=seen, received_at=NOON, images=(image,)))
    vector = features.unpack_embedding(embedding(shows))[None]
    blobs.stored[bundle.object_key(seen.capture_id)] = bundle.packed([picture], event)
    blobs.stored[features.key_of(seen)] = features.pack(vector, [JPEG + shows.encode()])


def reference(service: FakeService, name: str) -> r.Inspection:
    seen = subject(name, enrol_product_id="P1")
    photographed(service.blobs, seen, "the old design")
    return inspection(seen, features_key=features.key_of(seen), embedding=embedding(name))


def item(service: FakeService, k: int, shows: str = "the new design", **given: Any) -> r.Assessment:
    """An item with another print than its references."""
    seen = subject(f"i{k}", tote_id=f"T{k}", lot_id=f"D{k % 7}", barcode="1")
    photographed(service.blobs, seen, shows)
    lost = comparison(inliers=0, references=1)
    return assessment(
        f"i{k}",
        **{"subject": seen, "comparison": lost, "versions": {"model.gallery_encoder": ENCODER}, **given},
    )


async def through(service: FakeService, *assessments: r.Assessment) -> None:
    """Both steps, one item after the other."""
    for one in assessments:
        before = len(service.sent_to("gallery.sightings"))
        await service.give_batch("damage.assessments", [(one, 0, 0)])
        for offset, found in enumerate(service.sent_to("gallery.sightings")[before:], start=before):
            await service.give("gallery.sightings", found, key="P1", offset=offset)


def events(service: FakeService) -> list[str]:
    return [change.event.value for change in service.sent_to("gallery.changes")]


# -- captures for the gallery -------------------------------------------------------------------------------------


async def test_a_reference_gets_copies_of_its_own_and_enters_the_list_the_index_and_the_changes() -> None:
    service, index = made()
    await service.give("gallery.enrolments", reference(service, "a"), key="P1")
    (gallery,) = service.sent_to("gallery.references")
    base = f"references/P1/{uid('capture of a')}"
    assert gallery.references[0].features_key == f"{base}/features.icf"
    assert features.unpack(service.blobs.stored[f"{base}/features.icf"]).crops == (JPEG + b"the old design",)
    manifest = wire.decode(r.Capture, service.blobs.stored[f"{base}/manifest.avro"])
    assert service.blobs.stored[manifest.images[0].key] == b"picture of a"
    assert manifest.images[0].key == f"{base}/top-rgb-0.png"
    assert index.replaced == [(ENCODER, "P1", [str(uid("capture of a"))])]
    assert events(service) == ["ENROLLED"]


async def test_the_list_grows_before_kafka_has_been_read_back() -> None:
    service, index = made()
    for name in ("a", "b"):
        await service.give("gallery.enrolments", reference(service, name), key="P1")
    assert [len(g.references) for g in service.sent_to("gallery.references")] == [1, 2]
    assert len(index.replaced[-1][2]) == 2


async def test_a_repeat_says_nothing_new_but_fills_an_index_that_was_emptied() -> None:
    service, index = made()
    one = reference(service, "a")
    await service.give("gallery.enrolments", one, key="P1")
    index.replaced.clear()
    await service.give("gallery.enrolments", one, key="P1")
    assert len(service.sent_to("gallery.references")) == 1
    assert len(index.replaced) == 1


async def test_a_product_that_the_catalogue_does_not_have_is_waited_for() -> None:
    service, _ = made()
    with pytest.raises(MissingRow, match="P2 is not in"):
        await service.give("gallery.enrolments", reference(service, "a"), key="P2")
    assert not service.sent


async def test_a_capture_of_the_next_encoder_joins_the_references_as_that_encoder_sees_them() -> None:
    service, index = made()
    await service.give("gallery.enrolments", reference(service, "a"), key="P1")
    (listed,) = service.sent_to("gallery.references")
    service.row("gallery.encodings", "P1|101+new", replace(listed, encoder="101+new"))
    later = replace(reference(service, "b"), versions={"model.gallery_encoder": "101+new"})
    await service.give("gallery.enrolments", later, key="P1")
    newest = service.sent_to("gallery.references")[-1]
    assert (newest.encoder, newest.version, len(newest.references)) == ("101+new", 2, 2)
    assert [(encoder, len(names)) for encoder, _, names in index.replaced] == [(ENCODER, 1), ("101+new", 2)]


# -- items ----------------------------------------------------------------------------------------------------------


async def test_items_that_match_their_references_cost_nothing_more() -> None:
    service, _ = made()
    await service.give("gallery.enrolments", reference(service, "a"), key="P1")
    same = comparison(inliers=40, changed_logit=-3.0, missing_logit=-3.0, mismatch_logit=-3.0)
    await through(service, *(item(service, k, "the old design", comparison=same) for k in range(5)))
    assert service.sent_to("gallery.sightings") == []


async def test_a_new_design_gets_in_beside_the_old_one_with_copies_of_its_own() -> None:
    service, index = made()
    await service.give("gallery.enrolments", reference(service, "a"), key="P1")
    await through(service, *(item(service, k) for k in range(14)))
    assert events(service) == ["ENROLLED", "PROPOSED", "PROMOTED"]
    gallery = service.sent_to("gallery.references")[-1]
    assert (gallery.version, gallery.confirmed, len(gallery.references)) == (2, True, 4)
    for ref in gallery.references:
        crops = features.unpack(service.blobs.stored[ref.features_key]).crops
        assert crops == (JPEG + (b"the old design" if ref.trial_id is None else b"the new design"),)
    assert index.replaced[-1][2] == [str(ref.reference_id) for ref in gallery.references]


async def test_items_that_show_different_things_are_no_design() -> None:
    service, _ = made()
    await service.give("gallery.enrolments", reference(service, "a"), key="P1")
    await through(service, *(item(service, k, f"something {k}") for k in range(14)))
    assert events(service) == ["ENROLLED"]
    assert len(service.sent_to("gallery.ledgers")[-1].trials) == 4


async def test_a_sighting_that_comes_again_changes_nothing() -> None:
    service, _ = made()
    await through(service, item(service, 1))
    found = service.sent_to("gallery.sightings")[0]
    before = len(service.sent)
    await service.give("gallery.sightings", found, key="P1", offset=0)
    await service.give("gallery.sightings", found, key="P1", offset=1)
    assert len(service.sent) == before


async def test_a_picture_that_is_gone_is_the_datas_fault() -> None:
    service, _ = made()
    with pytest.raises(DataFault, match="nothing is stored"):
        await service.give("gallery.sightings", sighting("i"), key="P1")


async def test_a_person_undoes_a_promotion() -> None:
    service, _ = made()
    await service.give("gallery.enrolments", reference(service, "a"), key="P1")
    await through(service, *(item(service, k) for k in range(14)))
    command = r.GalleryCommand(
        command_id=uid("undo"),
        product_id="P1",
        action=r.GalleryAction.UNDO,
        reason="it is another product",
        operator="someone",
        asked_at=NOON,
    )
    for offset in (0, 1):  # sent twice, done once
        await service.give("gallery.commands", command, key="P1", offset=offset)
    assert events(service)[-2:] == ["PROMOTED", "UNDONE"]
    gallery = service.sent_to("gallery.references")[-1]
    assert [ref.reference_id for ref in gallery.references] == [uid("capture of a")]
    assert gallery.reason == "someone: it is another product"
    assert service.sent_to("gallery.changes")[-1].command_id == uid("undo")


# -- a process that dies --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "lost",
    [
        ("gallery.references",),
        ("gallery.references", "gallery.changes"),
        ("gallery.references", "gallery.changes", "gallery.ledgers"),
    ],
    ids=["before the row", "before the change", "before the ledger"],
)
async def test_a_promotion_comes_out_the_same_wherever_the_process_dies(lost: tuple[str, ...]) -> None:
    service, index = made()
    await service.give("gallery.enrolments", reference(service, "a"), key="P1")
    await through(service, *(item(service, k) for k in range(14)))
    wanted, told = service.sent_to("gallery.references")[-1], service.sent_to("gallery.changes")[-1]
    last = next(
        k for k, ledger in enumerate(service.sent_to("gallery.ledgers")) if ledger.newest.event == "PROMOTED"
    )
    service.sent = service.sent[: _place(service, "gallery.ledgers", last) + 3]
    offset = service.sent_to("gallery.ledgers")[-1].applied
    sighted = service.sent_to("gallery.sightings")[offset]
    fresh = again(service, index, but=lost)
    await fresh.give("gallery.sightings", sighted, key="P1", offset=offset)
    assert list(fresh.sent_to("gallery.references")) == [wanted]
    assert [c.change_id for c in fresh.sent_to("gallery.changes")] == [told.change_id]
    assert fresh.views["gallery.ledgers"].get("P1").newest.change_id == told.change_id


def _place(service: FakeService, topic: str, number: int) -> int:
    return [k for k, sent in enumerate(service.sent) if sent.topic == topic][number]


async def test_triton_that_is_away_is_waited_for_and_nothing_is_written() -> None:
    service = FakeService("gallery")

    class Away(FakeComparer):
        async def compare(self, query: Sequence[bytes], references: Sequence[bytes]) -> Difference:
            raise DependencyFault(f"Triton is away ({len(query)}, {len(references)})")

    fake: Any = service
    build(fake, FakeIndex(), Pictures(service.blobs, Away(), Limits()), lambda: NOON)  # type: ignore[arg-type]
    service.row("catalog.products", "P1", product("P1", barcode="1"))
    await through(service, item(service, 1))
    before = len(service.sent_to("gallery.ledgers"))
    with pytest.raises(DependencyFault):
        await through(service, item(service, 2))
    assert len(service.sent_to("gallery.ledgers")) == before
