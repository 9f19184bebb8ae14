"""What items look like beside each other."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from services.gallery.pictures import HELD, Pictures
from services.gallery.sightings import Limits
from services.kernel import features
from services.kernel import records as r
from tests.fakes import FakeBlobs
from tests.gallery.makers import embedding, looked, sighting
from tests.gallery.test_app import JPEG, FakeComparer
from tests.samples import NOON


def store(*shows: str) -> tuple[FakeBlobs, list[r.Sighting]]:
    """Captures that show these things."""
    blobs, seen = FakeBlobs(), []
    for k, what in enumerate(shows):
        one = sighting(f"i{k}")
        vector = features.unpack_embedding(embedding(what))[None]
        blobs.stored[features.key_of(one)] = features.pack(vector, [JPEG + what.encode()])
        seen.append(one)
    return blobs, seen


def trial(*seen: r.Sighting, shows: str) -> r.Trial:
    """A look that these items show."""
    shown = tuple(
        replace(p, features_key=features.key_of(s), embedding=embedding(shows))
        for s in seen
        if (p := looked(s).picture) is not None
    )
    return r.Trial(
        trial_id=seen[0].capture_id,
        state=r.TrialState.WATCHED,
        members=seen,
        shown=shown,
        opened_at=NOON,
        last_at=NOON,
        reason="",
    )


async def test_an_item_is_of_the_look_whose_pictures_it_looks_like() -> None:
    blobs, (a, b, c, d, new) = store("old", "old", "red", "red", "red")
    comparer = FakeComparer()
    trials = [trial(a, b, shows="old"), trial(c, d, shows="red")]
    found = await Pictures(blobs, comparer, Limits()).look(new, trials)
    assert found.alike == c.capture_id
    assert found.held == {c.capture_id: True, d.capture_id: True}
    assert found.picture is not None
    assert (found.picture.features_key, found.picture.item_id) == (features.key_of(new), "i4")


async def test_the_look_most_alike_by_embedding_is_asked_first_and_is_enough_when_sure() -> None:
    blobs, (a, b, c, d, new) = store("old", "red", "red", "red", "red")
    comparer = FakeComparer()
    await Pictures(blobs, comparer, Limits()).look(new, [trial(a, shows="old"), trial(b, c, d, shows="red")])
    assert comparer.asked == [(JPEG + b"red", JPEG + b"red")] * HELD


async def test_a_look_whose_most_alike_picture_is_another_is_asked_no_more() -> None:
    blobs, (a, b, new) = store("old", "old", "red")
    comparer = FakeComparer()
    found = await Pictures(blobs, comparer, Limits()).look(new, [trial(a, b, shows="old")])
    assert found.alike is None
    assert len(comparer.asked) == 1


async def test_triton_is_asked_one_thing_at_a_time() -> None:
    blobs, (a, *new) = store("old", "red", "red", "red")

    class Slow(FakeComparer):
        most = now = 0

        async def compare(self, query: object, references: object) -> object:  # type: ignore[override]
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0)
            self.now -= 1
            return await super().compare(query, references)  # type: ignore[arg-type]

    comparer = Slow()
    pictures = Pictures(blobs, comparer, Limits())  # type: ignore[arg-type]
    await asyncio.gather(*(pictures.look(one, [trial(a, shows="old")]) for one in new))
    assert (comparer.most, len(comparer.asked)) == (1, 3)
