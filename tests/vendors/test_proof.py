"""The service against a batch that shares nothing with it; the long form is `python -m loadtest.vendor_proof`."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from loadtest import vendor_batch, vendor_proof

SMALL = vendor_batch.World(items=40)
Logs = list[list[vendor_batch.r.Assessment]]


def differ(logs: Logs, seed: int, lives: int, *, replays: bool = True) -> list[str]:
    kafka = vendor_proof.run(logs, seed, lives=lives, replays=replays)
    batch = vendor_batch.compute((a for log in logs for a in log), vendor_proof.NOW)
    assert len(batch.counts) > 100
    return vendor_proof.differences(kafka, batch)


@pytest.mark.parametrize("seed", range(3))
def test_in_order_the_counts_are_the_batchs(seed: int) -> None:
    logs = vendor_batch.partitioned(vendor_batch.stream(seed, SMALL), seed)
    assert differ(logs, seed, 1, replays=False) == []


@pytest.mark.parametrize("seed", range(10, 14))
def test_out_of_order_repeated_killed_and_replayed_the_counts_are_the_batchs(seed: int) -> None:
    logs = vendor_batch.partitioned(vendor_batch.stream(seed, SMALL), seed, hours=12, repeats=0.2)
    assert differ(logs, seed, 6) == []


def test_the_streams_hold_what_they_promise() -> None:
    """Corrections before originals, repeats, wrong clocks, late verdicts, several stages and products."""
    items = vendor_batch.stream(1, vendor_batch.World(items=200))
    (log, *_) = vendor_batch.partitioned(items, 1, partitions=1, hours=12, repeats=0.2)
    first = {}
    early = 0
    for n, a in enumerate(log):
        early += a.revision > 1 and (a.item_id, a.revision - 1) not in first
        first.setdefault((a.item_id, a.revision), n)
    assert early > 10
    assert len(log) - len(first) > 100
    assert any(a.outcome.captured_at > a.assessed_at for a in log)
    assert any((a.assessed_at - a.outcome.captured_at).days > 28 for a in log)
    assert any(a.previous and a.previous.product_id != a.outcome.product_id for a in log)
    assert any(a.outcome.earlier_damaged for a in log)


def test_the_batch_shares_no_code_with_the_service() -> None:
    tree = ast.parse(Path(vendor_batch.__file__).read_text())
    imported = {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    imported |= {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    assert not any(name.startswith("services.") and name != "services.kernel" for name in imported)
