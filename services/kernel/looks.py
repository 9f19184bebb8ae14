"""Where an item's damage was first seen: what a look at it knows of the looks before.

A look is a visit to a stage: each new picture of an item is one; a person's verdict corrects the newest. Each outcome
carries this much of its predecessors, so that nobody who counts has to remember items.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.kernel import records as r


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What an outcome says of earlier looks; the fields of `records.Outcome` with the same names."""

    looks: int = 0
    earlier_damaged: r.Stage | None = None
    earlier_intact: r.Stage | None = None


def before_next(known: r.Outcome | None, *, forgotten: bool = False) -> Before:
    """What the outcome of the next picture says of earlier looks.

    `known`: the outcome so far. `forgotten`: there were earlier looks, and nobody remembers them.
    """
    if known is None:
        return Before(looks=0 if forgotten else 1)
    looks = known.looks + 1 if known.looks else 0
    if known.damaged:
        return Before(
            looks=looks,
            earlier_damaged=known.earlier_damaged or known.stage,
            earlier_intact=known.earlier_intact,
        )
    return Before(looks=looks, earlier_intact=known.stage)
