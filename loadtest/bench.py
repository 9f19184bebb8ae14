"""How fast the mesh is, held against Triton alone with exactly the same inference requests.

`./intact bench` alternates between (a) the whole mesh, station to sideline decision, and (b) Triton alone, asked by the
mesh's own clients at their best concurrency for what the mesh has just asked about the same captures: each inspected
once, measured where the station had it measured, and compared with the references of the product that the mesh took it
for; then (c) sends at half the saturated rate in open loop and takes latency from the scheduled send. Machines are
noisy: the ratio is taken pair by pair within one run.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from loadtest.alone import Alone, Asked, asked_of
from services.stack import racks
from services.stack.enrolling import wait_until_enrolled
from services.stack.local import Stack
from services.stack.observe import Observer
from services.stack.report import Report
from services.stack.world import World, make_world, publish_world
from triton_models.machine import processor

SETTINGS = {
    "INTACT_PIN_THRESHOLDS": "1",
    "INTACT_DAMAGE_PRIOR": "0.05",
    "INTACT_SIDELINE_PER_HOUR": "1000000",
}
#: A saturated mesh is late by design; this run measures rates, so no deadline passes.
DEADLINE_S = 3600.0
PRODUCTS = 48
REFERENCES = 2
#: About the share of the demo: each damaged item costs more hops than an intact one.
DAMAGED_SHARE = 0.05
REAL_PARTS = ("kafka", "triton", "postgres")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Figures of one run. Rates in captures/s, CPU in milliseconds per capture, latencies in milliseconds."""

    machine: str
    captures: int
    rounds: int
    triton_concurrency: int
    triton_rate: float
    mesh_rate: float
    ratio: float
    ratios: tuple[float, ...]
    #: Captures whose photos the station had measured; Triton alone is asked about the same ones.
    measured_share: float
    triton_rates: tuple[float, ...]
    mesh_rates: tuple[float, ...]
    cpu_ms_per_capture: dict[str, float]
    #: All processes of the mesh but Triton and Kafka (PostgreSQL included), load generator excluded.
    cpu_ms_outside: float
    load_cpu_ms: float
    half_rate: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    lost: int
    doubled: int
    memory_mib: dict[str, float] = field(default_factory=dict)


def run(stack: Stack, *, captures: int, rounds: int, say: Say) -> Bench:
    """Measure a running stack."""
    world = make_world(products=PRODUCTS)
    environment = stack.environment()
    publish_world(world, environment["INTACT_BROKERS"])
    _enrol(stack, world, say)
    total = captures * rounds
    planned = racks.with_deadline(
        racks.plan(world, total + captures * 2, 5, damaged_share=DAMAGED_SHARE), DEADLINE_S
    )
    warm, rest = planned[: captures // 2], planned[captures // 2 :]
    with Observer(environment["INTACT_BROKERS"]) as observer:
        _, submitted = _mesh(stack, observer, warm, say, "warm-up")
        alone = Alone(environment["INTACT_TRITON"], racks.enrolments(world, REFERENCES))
        concurrency = _best_concurrency(alone, asked_of(warm, submitted, observer.observed()), say)
        triton_rates, mesh_rates = [], []
        spent: dict[str, float] = {}
        load, measured = 0.0, 0
        for n in range(rounds):
            batch = rest[n * captures : (n + 1) * captures]
            before, mine = _cpu(stack), _own_cpu()
            rate, submitted = _mesh(stack, observer, batch, say, f"round {n + 1}")
            mesh_rates.append(rate)
            measured += sum(s.measured for s in submitted)
            load += _own_cpu() - mine
            for name, seconds in _cpu(stack).items():
                spent[name] = spent.get(name, 0.0) + seconds - before.get(name, 0.0)
            triton_rates.append(alone.rate(asked_of(batch, submitted, observer.observed()), concurrency))
            say(
                f"round {n + 1}: Triton alone {triton_rates[-1]:.1f}/s, mesh {mesh_rates[-1]:.1f}/s, "
                f"ratio {mesh_rates[-1] / triton_rates[-1]:.3f}"
            )
        half = statistics.median(mesh_rates) / 2
        report = _half(stack, observer, rest[total : total + captures], half, say)
    per = {name: round(seconds / total * 1000, 3) for name, seconds in sorted(spent.items())}
    ratios = tuple(round(m / t, 4) for m, t in zip(mesh_rates, triton_rates, strict=True))
    return Bench(
        machine=f"{os.cpu_count()} cores, {processor()}, Linux {platform.release()}",
        captures=captures,
        rounds=rounds,
        triton_concurrency=concurrency,
        triton_rate=round(statistics.median(triton_rates), 2),
        mesh_rate=round(statistics.median(mesh_rates), 2),
        ratio=round(statistics.median(ratios), 4),
        ratios=ratios,
        measured_share=round(measured / total, 4),
        triton_rates=tuple(round(x, 2) for x in triton_rates),
        mesh_rates=tuple(round(x, 2) for x in mesh_rates),
        cpu_ms_per_capture=per,
        cpu_ms_outside=round(sum(ms for name, ms in per.items() if name not in ("triton", "kafka")), 3),
        load_cpu_ms=round(load / total * 1000, 3),
        half_rate=round(half, 2),
        p50_ms=report.decision_p50_ms,
        p95_ms=report.decision_p95_ms,
        p99_ms=report.decision_p99_ms,
        lost=report.lost,
        doubled=report.doubled,
        memory_mib=_memory(stack),
    )


def write(bench: Bench, path: Path) -> None:
    """Write the figures as one JSON object."""
    path.write_text(json.dumps(asdict(bench), indent=2) + "\n")


def _enrol(stack: Stack, world: World, say: Say) -> None:
    environment = stack.environment()
    references = racks.enrolments(world, REFERENCES)
    with Observer(environment["INTACT_BROKERS"], topics=["gallery.references"]) as gallery:
        sent = asyncio.run(racks.drive(_url(stack), _tokens(stack), references, concurrency=8))
        wait_until_enrolled(gallery, sent, timeout_s=120)
    say(f"{len(references)} references enrolled")


def _url(stack: Stack) -> str:
    return f"http://127.0.0.1:{stack.environment()['INTACT_STATION_PORT']}"


def _tokens(stack: Stack) -> dict[str, str]:
    return racks.tokens_of(stack.environment()["INTACT_STATION_TOKENS"])


def _best_concurrency(alone: Alone, asked: list[Asked], say: Say) -> int:
    rates = {n: alone.rate(asked, n) for n in (4, 8, 16)}
    say("Triton alone: " + ", ".join(f"{rate:.1f}/s at {n}" for n, rate in rates.items()))
    return max(rates, key=lambda n: rates[n])


def _mesh(
    stack: Stack, observer: Observer, planned: list[racks.Planned], say: Say, name: str
) -> tuple[float, list[racks.Submitted]]:
    """Captures per second of the mesh, and what became of them: from the first send to the last sideline decision."""
    submitted = asyncio.run(racks.drive(_url(stack), _tokens(stack), planned, concurrency=32))
    if not observer.settle(submitted, timeout_s=180, quiet_s=0.5):
        say(f"{name}: not settled within 180 s")
    report = observer.report(submitted)
    ours = {s.item_id for s in submitted}
    last = max(
        e.at_ms / 1000
        for e in observer.observed()
        if e.topic == "sideline.decisions" and e.record.item_id in ours
    )
    return report.captures / (last - min(s.scheduled_at for s in submitted)), submitted


def _half(stack: Stack, observer: Observer, planned: list[racks.Planned], rate: float, say: Say) -> Report:
    say(f"open loop at {rate:.1f} captures/s")
    submitted = asyncio.run(racks.drive(_url(stack), _tokens(stack), planned, rate=rate))
    observer.settle(submitted, timeout_s=120, quiet_s=0.5)
    return observer.report(submitted)


def _cpu(stack: Stack) -> dict[str, float]:
    """CPU seconds of each part so far, children included."""
    return {part.name: _tree_cpu(part.pid) for part in stack.state.parts}


def _tree_cpu(pid: int) -> float:
    seconds = 0.0
    root = psutil.Process(pid)
    for process in (root, *root.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        seconds += times.user + times.system
    # What ended children used stays with their parent.
    return float(seconds + root.cpu_times().children_user + root.cpu_times().children_system)


def _own_cpu() -> float:
    times = psutil.Process().cpu_times()
    return float(times.user + times.system)


def _memory(stack: Stack) -> dict[str, float]:
    """Proportional set size of each part, MiB."""
    found = {}
    for part in stack.state.parts:
        root = psutil.Process(part.pid)
        pss = 0
        for process in (root, *root.children(recursive=True)):
            try:
                pss += process.memory_full_info().pss
            except psutil.NoSuchProcess:
                continue
        found[part.name] = round(pss / 2**20, 1)
    return found
