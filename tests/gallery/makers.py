"""Testimonies and ledgers for the gallery's tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np

from services.gallery import decide
from services.gallery.ledger import Decided, opened
from services.gallery.trials import Looked
from services.kernel import records as r
from services.kernel.features import pack_embedding
from tests.samples import ENCODER, NOON, inspection, subject, uid


def embedding(name: str) -> bytes:
    """The same name gives the same unit vector."""
    values = np.random.default_rng(list(name.encode())).standard_normal(256)
    return pack_embedding(values / np.linalg.norm(values))


def sighting(name: str, **given: Any) -> r.Sighting:
    """An item unlike the references that looks intact, alone in its tote and delivery."""
    plain = r.Sighting(
        product_id="P1",
        item_id=name,
        revision=1,
        capture_id=uid(f"capture of {name}"),
        captured_at=NOON,
        tote_id=f"tote of {name}",
        lot_id=f"delivery of {name}",
        encoder=ENCODER,
        fit=r.Fit.OTHER,
        damaged=0.02,
        missing_unit=0.02,
        unit_count=3,
    )
    return replace(plain, **given)


def looked(seen: r.Sighting, alike: r.Trial | None = None) -> Looked:
    """A testimony with its picture; of this trial, whose pictures it all looks like."""
    picture = r.Reference(
        reference_id=seen.capture_id,
        features_key=f"features/20260301/{seen.capture_id}.icf",
        embedding=embedding(seen.item_id),
        enrolled_at=seen.captured_at,
        item_id=seen.item_id,
    )
    if alike is None:
        return Looked(sighting=seen, picture=picture)
    held = {p.reference_id: True for p in alike.shown[:3]}
    return Looked(sighting=seen, picture=picture, alike=alike.trial_id, held=held)


def enrolled(*names: str, ledger: r.GalleryLedger | None = None, **given: Any) -> r.GalleryLedger:
    """The ledger of a product that has these references."""
    ledger = ledger or opened("P1", None)
    for name in names:
        made = decide.enrolled(ledger, pristine(name, **given), f"references/P1/{name}", NOON)
        assert made is not None
        ledger = made.ledger
    return ledger


def pristine(name: str, encoder: str = ENCODER, **given: Any) -> r.Inspection:
    seen = subject(name, enrol_product_id="P1")
    return inspection(seen, versions={"model.gallery_encoder": encoder}, embedding=embedding(name), **given)


class Life:
    """A product to which one testimony after the other comes; all of those that are alike look like one another."""

    def __init__(self, ledger: r.GalleryLedger) -> None:
        self.ledger = ledger
        self.told: list[r.GalleryChange] = []
        self.offset = 0

    def see(self, seen: r.Sighting, *, alone: bool = False) -> Decided | None:
        """The next testimony; unless it is alone, it is of the newest trial."""
        trial = self.ledger.trials[-1] if self.ledger.trials and not alone else None
        now = seen.captured_at + timedelta(seconds=5)
        made = decide.weighed(self.ledger, looked(seen, trial), self.offset, now)
        self.offset += 1
        if made is not None:
            self.take(made)
        return made

    def see_design(self, count: int, lots: int, **given: Any) -> None:
        """Items of one new design, spread over so many deliveries."""
        for k in range(count):
            self.see(sighting(f"new-{k}", **{"lot_id": f"lot-{k % lots}", **given}))

    def take(self, made: Decided) -> None:
        """As the service does."""
        self.told += made.changes
        if made.moved and made.ledger.newest is not None:
            self.told.append(made.ledger.newest)
        self.ledger = made.ledger

    @property
    def events(self) -> list[str]:
        return [change.event.value for change in self.told]
