"""Which order line an item in a tote is for.

Mostly the manifest says it. Where a tote holds one product for several order lines, its units are dealt out: each line
gets as many items as it ordered, the first seen the first line, and an item keeps its line however often it is
photographed. Who holds what is remembered by tote, so a replay deals the same way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from services.kernel import records as r


def assign(
    manifest: r.Manifest | None, held: r.ToteLines | None, item_id: str, product_id: str | None
) -> tuple[str | None, r.ToteLines | None]:
    """The item's order line, and what is to be remembered of the tote from now on, None if nothing changes.

    An item beyond what was ordered shares the first line: never two replacements are asked for one ordered unit, but
    an item that comes under another id is not left without its order.
    """
    if manifest is None or product_id is None:
        return None, None
    wanted = [e for e in manifest.entries if e.order_line_id is not None and e.product_id == product_id]
    known = {h.item_id: h.order_line_id for h in held.held} if held is not None else {}
    line = known.get(item_id)
    if line is None or all(e.order_line_id != line for e in wanted):
        line = _free(wanted, Counter(known.values()))
    if len(wanted) > 1 and line is not None:
        known = {**known, item_id: line}
    elif item_id in known:
        del known[item_id]  # it turned out to be another product, so its line is free again
    lines = {e.order_line_id for e in manifest.entries}
    now = tuple(r.HeldLine(item_id=i, order_line_id=o) for i, o in known.items() if o in lines)
    if held is None:
        return line, r.ToteLines(tote_id=manifest.tote_id, held=now) if now else None
    return line, replace(held, held=now) if now != held.held else None


def _free(wanted: Sequence[r.ManifestEntry], taken: Counter[str]) -> str | None:
    """The first line that has not all its units yet, else the first."""
    lines = [(str(e.order_line_id), e.quantity) for e in wanted]
    return next((line for line, units in lines if taken[line] < units), lines[0][0] if lines else None)
