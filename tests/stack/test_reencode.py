"""Every reference in the embedding of the encoder that is to serve, from its own pictures."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from services.kernel import records as r
from services.kernel import wire
from services.kernel.features import unpack_embedding
from services.kernel.sight import Photo, Sight
from services.stack.problems import Problem
from services.stack.reencode import Parts, fill, forget, work
from services.stack.world import Message
from tests.fakes import FakeBlobs, FakeIndex
from tests.samples import NOON, subject, uid

OLD, NEW = "1+aaaaaaaaaaaa", "101+bbbbbbbbbbbb"


class FakeEncoder:
    """Embeds a picture on the axis that its first byte names, as the version that it is."""

    def __init__(self, version: str = NEW) -> None:
        self.version = version
        self.asked: list[bytes] = []

    async def inspect(self, photos: Sequence[Photo]) -> Sight:
        images = [photo.image for photo in photos]
        self.asked += images
        embedding = np.zeros((len(images), 256), np.float32)
        for row, image in enumerate(images):
            embedding[row, image[0]] = 1
        return Sight(
            damage=np.zeros((len(images), 9), np.float32),
            embedding=embedding,
            matter=np.zeros((len(images), 5), np.float32),
            crops=tuple(b"crop" for _ in images),
            versions={"model.gallery_encoder": self.version, "model.damage_classifier": "1+c"},
        )


class Stage:
    """Rows, store and index in memory."""

    def __init__(self) -> None:
        self.lists: dict[str, r.Gallery] = {}
        self.encodings: dict[str, r.Gallery] = {}
        self.blobs, self.index = FakeBlobs(), FakeIndex()
        self.ticks: list[tuple[int, int]] = []
        self.written: list[str] = []

    def write(self, messages: list[Message]) -> None:
        for topic, key, value, _ in messages:
            assert topic == "gallery.encodings"
            name = (key or b"").decode()
            self.written.append(name)
            if value is None:
                del self.encodings[name]
            else:
                self.encodings[name] = wire.decode(r.Gallery, value)

    @property
    def parts(self) -> Parts:
        fakes: Any = (self.blobs, self.index)
        return Parts(
            read=lambda: (dict(self.lists), dict(self.encodings)),
            write=self.write,
            blobs=fakes[0],
            index=fakes[1],
        )

    def enrol(self, product_id: str, name: str, axis: int, encoder: str = OLD) -> None:
        """A reference as the gallery keeps it: list, features, pictures and manifest of its own."""
        capture_id = uid(f"capture of {name}")
        base = f"references/{product_id}/{capture_id}"
        picture = bytes([axis]) + name.encode()
        image = r.Image(
            camera="top",
            role=r.ImageRole.RGB,
            width=1,
            height=1,
            media_type="image/png",
            size=len(picture),
            key=f"{base}/{name}.png",
            sha256=hashlib.sha256(picture).hexdigest(),
        )
        self.blobs.stored[f"{base}/{name}.png"] = picture
        capture = r.Capture(subject=subject(name), received_at=NOON, images=(image,))
        self.blobs.stored[f"{base}/manifest.avro"] = wire.encode(capture)
        reference = r.Reference(
            reference_id=capture_id,
            features_key=f"{base}/features.icf",
            embedding=b"\0" * 512,
            enrolled_at=NOON,
        )
        known = self.lists.get(product_id)
        kept = known.references if known else ()
        self.lists[product_id] = r.Gallery(
            product_id=product_id,
            version=known.version + 1 if known else 1,
            encoder=encoder,
            references=(*kept, reference),
        )

    async def fill(self, encoder: str, client: FakeEncoder | None) -> int:
        any_client: Any = client
        return await fill(
            self.parts, encoder, any_client, lambda done, total: self.ticks.append((done, total))
        )


def two_products() -> Stage:
    stage = Stage()
    stage.enrol("P1", "a", 1)
    stage.enrol("P1", "b", 2)
    stage.enrol("P2", "c", 3)
    return stage


def axes(gallery: r.Gallery) -> list[int]:
    return [int(unpack_embedding(ref.embedding).argmax()) for ref in gallery.references]


async def test_each_reference_is_embedded_from_its_own_pictures_into_a_row_and_the_encoders_index() -> None:
    stage = two_products()
    assert await stage.fill(NEW, FakeEncoder()) == 3
    assert axes(stage.encodings[f"P1|{NEW}"]) == [1, 2]
    assert axes(stage.encodings[f"P2|{NEW}"]) == [3]
    assert {encoder for encoder, _, _ in stage.index.replaced} == {NEW}
    assert [len(names) for _, _, names in stage.index.replaced] == [2, 1]
    assert stage.ticks[-1] == (3, 3)


async def test_the_lists_themselves_and_their_features_stay_as_they_are() -> None:
    stage = two_products()
    before, keys = dict(stage.lists), set(stage.blobs.stored)
    await stage.fill(NEW, FakeEncoder())
    assert stage.lists == before
    made = set(stage.blobs.stored) - keys
    assert len(made) == 3
    assert all(key.endswith("/101-bbbbbbbbbbbb.icf") for key in made)
    row = stage.encodings[f"P1|{NEW}"]
    assert {ref.features_key for ref in row.references} <= made
    assert row.version == before["P1"].version


async def test_what_is_embedded_already_is_kept() -> None:
    stage = two_products()
    await stage.fill(NEW, FakeEncoder())
    stage.enrol("P2", "d", 4)
    client = FakeEncoder()
    assert await stage.fill(NEW, client) == 1
    assert client.asked == [b"\x04d"]
    assert axes(stage.encodings[f"P2|{NEW}"]) == [3, 4]
    assert stage.written == [f"P1|{NEW}", f"P2|{NEW}", f"P2|{NEW}"]


async def test_the_old_encoders_embeddings_are_kept_before_anything_goes_on_from_another() -> None:
    stage = two_products()
    assert await stage.fill(OLD, None) == 0
    assert stage.encodings[f"P1|{OLD}"] == stage.lists["P1"]


async def test_after_a_way_back_only_what_was_enrolled_since_is_embedded() -> None:
    stage = two_products()
    await stage.fill(OLD, None)
    await stage.fill(NEW, FakeEncoder())
    stage.lists["P2"] = stage.encodings[f"P2|{NEW}"]
    stage.enrol("P2", "d", 4, encoder=NEW)
    back = FakeEncoder(OLD)
    assert await stage.fill(OLD, back) == 1
    assert back.asked == [b"\x04d"]
    assert len(stage.encodings[f"P2|{OLD}"].references) == 2


async def test_a_reference_whose_pictures_are_gone_is_named_and_the_others_are_done() -> None:
    stage = two_products()
    del stage.blobs.stored[f"references/P2/{uid('capture of c')}/c.png"]
    with pytest.raises(
        Problem, match=r"1 references cannot be embedded by 101\+.* of P2: nothing is stored under"
    ):
        await stage.fill(NEW, FakeEncoder())
    assert f"P1|{NEW}" in stage.encodings
    assert f"P2|{NEW}" not in stage.encodings


async def test_an_embedding_by_another_version_than_the_one_asked_is_refused() -> None:
    stage = two_products()
    with pytest.raises(Problem, match=r"encoder 7[+]x looked at it, 101[+]bbbbbbbbbbbb was asked"):
        await stage.fill(NEW, FakeEncoder("7+x"))
    assert not stage.encodings


async def test_forgetting_an_encoder_leaves_the_others() -> None:
    stage = two_products()
    await stage.fill(OLD, None)
    await stage.fill(NEW, FakeEncoder())
    await forget(stage.parts, OLD)
    assert set(stage.encodings) == {f"P1|{NEW}", f"P2|{NEW}"}
    assert stage.index.dropped == [OLD]


def test_a_product_without_references_is_no_work() -> None:
    empty = r.Gallery(product_id="P9", version=1, encoder=OLD)
    assert work([empty], {}, NEW) == []


def test_an_unfinished_row_of_an_older_list_is_taken_up() -> None:
    stage = two_products()
    listed = stage.lists["P1"]
    held = dataclasses.replace(listed, encoder=NEW, references=listed.references[:1])
    (found,) = work([listed], {f"P1|{NEW}": held}, NEW)
    assert [ref.reference_id for ref in found.missing] == [listed.references[1].reference_id]
