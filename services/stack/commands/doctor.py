"""`doctor`: what is missing on this machine, and what to do about it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
import typer
from rich.console import Console

from services.kernel.topics import SERVICES
from services.stack import kafka, state, triton
from services.stack.home import MODEL_REPOSITORY, PROJECT, Home, default_home
from services.stack.ports import free_ports
from services.stack.problems import Problem

#: The pytriton wheel is built against glibc 2.35 (Debian 12 has 2.36, Ubuntu 22.04 has 2.35).
_GLIBC = (2, 35)
_DISK = 4 * 2**30
_MEMORY = 3 * 2**30
_CORES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at. `remedy` is empty when all is well; `fatal` when nothing starts without it."""

    subject: str
    found: str
    remedy: str = ""
    fatal: bool = True


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


def doctor() -> None:
    """Say what is missing on this machine and what to do about it. Exit status 1 when nothing could start."""
    console = Console(highlight=False)
    findings = tuple(check(home) for home in (default_home(),) for check in CHECKS)
    for finding in findings:
        mark = (
            "[green]ok  [/]" if not finding.remedy else "[red]bad [/]" if finding.fatal else "[yellow]note[/]"
        )
        console.print(f"{mark} {finding.subject:<18} {finding.found}", soft_wrap=True)
        if finding.remedy:
            console.print(f"     → {finding.remedy}", soft_wrap=True)
    if any(finding.remedy and finding.fatal for finding in findings):
        raise typer.Exit(1)


def machine(_home: Home) -> Finding:
    """Look at the processor: the wheels of Triton and PostgreSQL are for x86-64 Linux."""
    found = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    right = platform.system() == "Linux" and platform.machine() == "x86_64"
    if not right:
        return Finding(subject="machine", found=found, remedy="use an x86-64 Linux machine")
    few = (os.cpu_count() or 1) < _CORES
    return Finding(
        subject="machine",
        found=found,
        remedy="it works, but slowly: two cores or more" if few else "",
        fatal=False,
    )


def python(_home: Home) -> Finding:
    """Look at the Python version: Triton's Python backend has a stub for each."""
    try:
        triton.stub()
    except Problem as problem:
        return Finding(subject="python", found=sys.version.split()[0], remedy=str(problem))
    return Finding(subject="python", found=f"{sys.version.split()[0]} ({sys.base_prefix})")


def libpython(home: Home) -> Finding:
    """Look for Python's shared library, which Debian packages on its own."""
    found = triton.system_libpython() or next((home.cache / "libpython").rglob("libpython*.so.1.0"), None)
    if found is not None:
        return Finding(subject="libpython", found=str(found))
    name = f"libpython{sys.version_info.major}.{sys.version_info.minor}"
    remedy = f"the first start fetches it; without network: apt-get install {name}"
    return Finding(subject="libpython", found="not installed", remedy=remedy, fatal=False)


def glibc(_home: Home) -> Finding:
    """Look at the C library: Triton's wheel needs a recent one."""
    name, number = platform.libc_ver()
    enough = name == "glibc" and tuple(int(part) for part in number.split(".")[:2]) >= _GLIBC
    remedy = "" if enough else "Triton needs glibc 2.35: use Debian 12, Ubuntu 22.04 or newer"
    return Finding(subject="C library", found=f"{name} {number}".strip() or "unknown", remedy=remedy)


def memory(_home: Home) -> Finding:
    """Look at what memory is available now."""
    available = psutil.virtual_memory().available
    remedy = "" if available >= _MEMORY else "all together need about 3 GiB: close something, or add memory"
    return Finding(
        subject="memory", found=f"{available / 2**30:.1f} GiB available", remedy=remedy, fatal=False
    )


def disk(home: Home) -> Finding:
    """Look at the disk below the home folder."""
    free = shutil.disk_usage(_existing(home.root)).free
    remedy = "" if free >= _DISK else "4 GiB should be free for logs, images and downloads"
    return Finding(subject="disk", found=f"{free / 2**30:.1f} GiB free", remedy=remedy, fatal=False)


def folders(home: Home) -> Finding:
    """Look whether the home folder can be written."""
    place = _existing(home.root)
    remedy = (
        "" if os.access(place, os.W_OK) else f"make {place} writable, or set INTACT_HOME to another folder"
    )
    return Finding(subject="folder", found=str(home.root), remedy=remedy)


def ports(_home: Home) -> Finding:
    """Look for free loopback ports."""
    try:
        free_ports(20)
    except Problem as problem:
        return Finding(subject="ports", found=str(problem), remedy="end what holds them (ss -ltn shows it)")
    return Finding(subject="ports", found="free loopback ports")


def packages(_home: Home) -> Finding:
    """Look whether the environment holds every locked package, in its version."""
    wrong = [name for name, wanted in _locked_versions() if _installed(name) != wanted]
    remedy = "delete .venv and call ./intact again" if wrong else ""
    return Finding(subject="packages", found=", ".join(wrong[:5]) or "as locked", remedy=remedy)


def jars(home: Home) -> Finding:
    """Look whether Kafka's jars are here already."""
    missing = kafka.missing_jars(home.cache)
    remedy = "the first start fetches them, which needs the network" if missing else ""
    return Finding(
        subject="Kafka's jars",
        found=f"{len(missing)} missing" if missing else "here",
        remedy=remedy,
        fatal=False,
    )


def models(_home: Home) -> Finding:
    """Look whether the model repository is there."""
    here = MODEL_REPOSITORY.is_dir()
    remedy = "" if here else "the checkout is incomplete: triton_models/repository should be in it"
    return Finding(subject="models", found=str(MODEL_REPOSITORY), remedy=remedy)


def running(home: Home) -> Finding:
    """Look at what runs in this home, and whether somebody will end it."""
    found = state.load(home)
    alive = () if found is None else found.running()
    if found is None or not alive:
        return Finding(subject="stack", found="none runs")
    expected = len(SERVICES)
    what = f"{len(alive)} processes run ({expected} services and 3 parts are a whole stack)"
    remedy = "an interrupted command left them: ./intact down ends them" if found.abandoned() else ""
    return Finding(subject="stack", found=what, remedy=remedy, fatal=False)


CHECKS: tuple[Callable[[Home], Finding], ...] = (
    machine, python, libpython, glibc, memory, disk, folders, ports, packages, jars, models, running,
)  # fmt: skip


def _existing(path: Path) -> Path:
    """Return the nearest folder above `path` that exists."""
    return next(place for place in (path, *path.parents) if place.exists())


def _locked_versions() -> Iterable[tuple[str, str]]:
    """Yield name and version of each locked package without a condition on the platform."""
    for line in (PROJECT / "requirements.txt").read_text(encoding="utf-8").splitlines():
        if "==" in line and not line.startswith((" ", "#")) and ";" not in line:
            name, number = line.removesuffix("\\").strip().split("==")
            yield name.split("[")[0], number


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
