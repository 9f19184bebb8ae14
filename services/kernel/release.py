"""Keeps the schemas of a release for ever: `python -m services.kernel.release VERSION`.

Events outlive the release that wrote them. Each kept schema stands alone (what it names is written out inside), so a
reader of any later release can decode them, and the compatibility test can hold every new schema against them.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from services.kernel import topics, wire
from services.kernel.faults import ConfigurationFault

_VERSION = re.compile(r"\d+\.\d+\.\d+")


def record_classes() -> tuple[type[Any], ...]:
    """Every record class that is on a topic, by name."""
    kinds = {t.record.__name__: t.record for t in (*topics.TOPICS, *topics.quarantine_topics())}
    return tuple(kinds[name] for name in sorted(kinds))


def write(version: str, folder: Path = wire.SCHEMAS) -> tuple[Path, ...]:
    """Write `released/<version>/` below `folder` and return its files.

    Raises:
        ConfigurationFault: the version is no ``1.2.3``, or is there already: what was released never changes.
    """
    if not _VERSION.fullmatch(version):
        msg = f"{version!r} is no version: three numbers, like 1.2.0"
        raise ConfigurationFault(msg)
    target = folder / "released" / version
    schemas = {f"intact.{kind.__name__}.avsc": wire.whole_schema(kind, folder) for kind in record_classes()}
    try:
        target.mkdir(parents=True)
    except FileExistsError:
        msg = f"version {version} is released already, and what was released never changes; choose the next number"
        raise ConfigurationFault(msg) from None
    for name, schema in schemas.items():
        (target / name).write_text(json.dumps(schema, indent=2) + "\n", encoding="utf-8")
    return tuple(target / name for name in schemas)


def main(arguments: list[str] | None = None) -> int:
    """Release the schemas as they are now; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m services.kernel.release")
    parser.description = "Keep the schemas as they are now under schemas/released/VERSION/, for ever."
    parser.add_argument("version", help="three numbers, for example 1.2.0")
    try:
        files = write(parser.parse_args(arguments).version)
    except ConfigurationFault as fault:
        sys.stderr.write(f"{fault}\n")
        return 2
    sys.stdout.write(f"{len(files)} schemas written to {files[0].parent}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
