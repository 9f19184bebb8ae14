"""The one error that the stack shows to a person."""

from __future__ import annotations

import re
from pathlib import Path

_WIDTH = 300
#: How Java, Triton (E1122 ...), PostgreSQL and Python's tracebacks mark what went wrong.
_COMPLAINT = re.compile(r"^E\d{4} |\b(ERROR|FATAL|PANIC)\b|^error: |^\w+(\.\w+)*(Error|Exception|Fault)\b")


class Problem(Exception):
    """Something stands in the way; the message says what, and what to do about it."""


def tail(log: Path, lines: int = 12) -> str:
    """Return what the end of a log says, indented: its complaints where there are any, else its last lines."""
    if not log.exists():
        return ""
    text = [line[:_WIDTH] for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line]
    complaints = [line for line in text if _COMPLAINT.search(line)]
    return "\n".join(f"    {line}" for line in (complaints or text)[-lines:])
