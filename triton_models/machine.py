"""What figures were taken on."""

from __future__ import annotations

import platform
from pathlib import Path


def processor() -> str:
    """The processor as Linux calls it, or its kind where it has no name."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(encoding="utf-8").splitlines() if facts.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
