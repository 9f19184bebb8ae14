"""Starts, ends and inspects the processes of a stack.

They outlive the command that started them, so a process is known by pid *and* start time: a pid that was given
to somebody else's process meanwhile is never signalled.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from services.stack.problems import Problem, tail

_POLL_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A process that was started here. `ticks`: its start time in clock ticks since boot, `boot`: of which boot."""

    name: str
    pid: int
    ticks: int
    boot: str
    since: float
    log: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a process and its descendants use: proportional memory in bytes, CPU in seconds since their start."""

    memory: int
    cpu_s: float
    processes: int


def boot_id() -> str:
    """Return the id of this boot: start times are only comparable within one."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def _stat(pid: int) -> tuple[str, int] | None:
    """Return the state letter and the start time in ticks of a process, or None."""
    try:
        raw = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = raw.rsplit(")", 1)[1].split()
    return fields[0], int(fields[19])


def describe(name: str, pid: int, log: Path) -> Running:
    """Return the record of a process that runs now.

    Raises:
        Problem: there is no such process.
    """
    found = _stat(pid)
    if found is None:
        msg = f"{name} ended at once; {log}:\n{tail(log)}"
        raise Problem(msg)
    return Running(name=name, pid=pid, ticks=found[1], boot=boot_id(), since=time.time(), log=str(log))


def start(
    name: str, argv: Sequence[str], *, env: Mapping[str, str], log: Path, folder: Path | None = None
) -> Running:
    """Start `argv` in a session of its own (Ctrl-C does not reach it), with its output appended to `log`."""
    if folder is not None:
        argv = ("/usr/bin/env", f"--chdir={folder}", *argv)
    log.parent.mkdir(parents=True, exist_ok=True)
    writing = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    # Not subprocess: a Popen object wants to be the parent until the end, and these outlive us.
    pid = os.posix_spawn(
        argv[0],
        list(argv),
        dict(env),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), writing, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
        setsigmask=[],
        setsigdef=[signal.SIGINT, signal.SIGTERM],
    )
    return describe(name, pid, log)


def run(argv: Sequence[str], *, env: Mapping[str, str], log: Path, before: Sequence[str] = ()) -> bool:
    """Run `argv` to its end, with its output appended to `log`; return whether it ended well.

    It dies with this process, however that dies: a helper that goes on writing would meet the next start.
    `before` stands before everything (a change of user would clear that mark if it came later).
    """
    with log.open("ab") as output:
        done = subprocess.run(
            (*before, "/usr/bin/setpriv", "--pdeathsig=KILL", "--", *argv),
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
        )
    return done.returncode == 0


def _reap(pid: int) -> None:
    """Take away the remains of an ended child; nothing to do when it is somebody else's child."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def alive(process: Running) -> bool:
    """Tell whether this very process still runs."""
    if process.boot != boot_id():
        return False
    _reap(process.pid)
    found = _stat(process.pid)
    return found is not None and found[1] == process.ticks and found[0] not in {"Z", "X"}


def _family(process: Running) -> list[psutil.Process]:
    """Return the process and its descendants; empty when it is gone."""
    if not alive(process):
        return []
    try:
        leader = psutil.Process(process.pid)
        return [leader, *leader.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def kill(process: Running) -> None:
    """End the process and its descendants at once, with SIGKILL."""
    _kill_all(process, _family(process))


def stop(process: Running, *, grace_s: float = 10.0, sig: signal.Signals = signal.SIGTERM) -> None:
    """Ask the process to end; after `grace_s` seconds, and for descendants that it left behind, use SIGKILL."""
    family = _family(process)
    if family:
        with contextlib.suppress(psutil.NoSuchProcess):
            family[0].send_signal(sig)
        _wait(lambda: not alive(process), grace_s)
    _kill_all(process, family)


def _kill_all(process: Running, family: Sequence[psutil.Process]) -> None:
    for member in family:
        # psutil compares the start time before it signals, so a reused pid is safe.
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    _wait(lambda: not alive(process) and all(map(_ended, family)), 10.0)


def _ended(member: psutil.Process) -> bool:
    """Tell whether a process is gone, or waits only for its parent to notice."""
    try:
        return not member.is_running() or member.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _wait(ended: Callable[[], bool], timeout_s: float) -> None:
    until = time.monotonic() + timeout_s
    while not ended() and time.monotonic() < until:
        time.sleep(_POLL_S)


def usage(process: Running) -> Usage:
    """Return what the process and its descendants use; zeros when it is gone."""
    members = list(_measured(process))
    return Usage(
        memory=sum(memory for memory, _ in members),
        cpu_s=sum(cpu for _, cpu in members),
        processes=len(members),
    )


def _measured(process: Running) -> Iterator[tuple[int, float]]:
    for member in _family(process):
        with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
            times = member.cpu_times()
            yield _proportional_memory(member), times.user + times.system


def _proportional_memory(process: psutil.Process) -> int:
    """Return PSS (shared pages are divided among those that share them) in bytes, else RSS."""
    try:
        rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii")
    except PermissionError:
        return int(process.memory_info().rss)
    return next(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:"))


def wait_until(
    ready: Callable[[], bool],
    process: Running,
    *,
    timeout_s: float,
    cancelled: Callable[[], bool] = lambda: False,
) -> None:
    """Wait until `ready()`.

    Raises:
        Problem: the process ended, or `timeout_s` passed, or the wait was cancelled; with the end of its log.
    """
    until = time.monotonic() + timeout_s
    while not ready():
        log = Path(process.log)
        if cancelled():
            msg = f"{process.name}: given up, since the start was cancelled"
            raise Problem(msg)
        if not alive(process):
            msg = f"{process.name} ended while it started; the end of {log}:\n{tail(log)}"
            raise Problem(msg)
        if time.monotonic() > until:
            msg = f"{process.name} was not ready within {timeout_s:.0f} s; the end of {log}:\n{tail(log)}"
            raise Problem(msg)
        time.sleep(_POLL_S)
