"""The README's consumer runs as it stands there, with nothing of ours but the schema files."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

from services.kernel import wire
from services.vendors import decide
from tests.vendors.makers import DENTED, INTACT, rows, seen

ROOT = Path(__file__).parents[2]
(CODE,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)

#: What stands in for the client: it hands out the messages of a file, then nothing.
CLIENT = """
class Message:
    def __init__(self, line):
        self._key, self._value = (bytes.fromhex(part) for part in line.split())
    def key(self):
        return self._key
    def value(self):
        return self._value
class Consumer:
    def __init__(self, settings):
        assert settings["bootstrap.servers"]
        self._lines = iter(open("messages").read().splitlines())
    def subscribe(self, topics):
        assert topics == ["vendor.robustness"]
    def poll(self, timeout):
        return next(map(Message, self._lines), None)
"""


def test_it_has_ten_lines_and_imports_nothing_of_ours() -> None:
    assert len(CODE.splitlines()) == 10
    names = {
        a.name
        for n in ast.walk(ast.parse(CODE))
        if isinstance(n, ast.Import | ast.ImportFrom)
        for a in n.names
    }
    assert names == {"BytesIO", "confluent_kafka", "fastavro"}


def test_it_prints_what_stands_out_and_why(tmp_path: Path) -> None:
    found = rows(*(seen(f"item-{n}", DENTED if n < 30 else INTACT) for n in range(40)))
    (tmp_path / "confluent_kafka.py").write_text(CLIENT)
    (tmp_path / "schemas").symlink_to(wire.SCHEMAS)
    (tmp_path / "messages").write_text(
        "\n".join(f"{decide.row_key(x).encode().hex()} {wire.encode(x).hex()}" for x in found.values())
    )
    (tmp_path / "consumer.py").write_text(CODE)
    ran = subprocess.run(
        [sys.executable, "consumer.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = ran.stdout.splitlines()
    assert line.startswith("V1|P1|cardboard|PICK|28d|2026-02-16T00 40 30 ")
    assert "'item_id': 'item-" in line
