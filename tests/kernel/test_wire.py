"""Records survive the wire, foreign bytes are data faults with a reason, and releases understand each other."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import fastavro
import pytest

from services.kernel import records, release, wire
from services.kernel.faults import ConfigurationFault, DataFault
from tests.kernel import generated

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LABEL = records.Label(
    label_id=UUID(int=1),
    item_id="i",
    verdict=records.Verdict.DAMAGED,
    severity=records.Severity.MINOR,
    annotator="a",
    labelled_at=NOW,
)
ORDER = records.OrderLine(order_line_id="l", order_id="o", product_id="p", quantity=1, promised_at=NOW)
RECORD_CLASSES = generated.classes()


@pytest.fixture
def schemas(tmp_path: Path) -> Path:
    folder = tmp_path / "schemas"
    shutil.copytree(wire.SCHEMAS, folder, ignore=shutil.ignore_patterns("released"))
    return folder


def keep(folder: Path, version: str, kind: type[Any], schema: Any) -> None:
    target = folder / "released" / version
    target.mkdir(parents=True)
    (target / f"intact.{kind.__name__}.avsc").write_text(json.dumps(schema), encoding="utf-8")


def written_by(schema: Any, plain: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    parsed = fastavro.parse_schema(schema)
    out.write(wire.MARKER + wire.schema_fingerprint(parsed))
    fastavro.schemaless_writer(out, parsed, plain)
    return out.getvalue()


@pytest.mark.parametrize("kind", RECORD_CLASSES, ids=lambda k: k.__name__)
def test_every_record_comes_back_as_it_was(kind: type[Any]) -> None:
    for record in generated.values(kind, 40):
        data = wire.encode(record)
        assert data[:2] == b"\xc3\x01"
        back = wire.decode(kind, data)
        assert back == record
        assert wire.encode(back) == data


def test_events_are_small() -> None:
    """Images and features never pass through Kafka; an event is at most 4 KiB by design."""
    assessment = next(generated.values(records.Assessment, 1))
    full = dataclasses.replace(
        assessment,
        history=tuple(records.Cause(revision=n, cause_id=UUID(int=n)) for n in range(16)),
        candidates=tuple(records.Candidate(product_id="product-000000", confidence=0.5) for _ in range(5)),
        versions={f"triton.model-{n}": "1234567890abcdef" for n in range(12)},
    )
    assert len(wire.encode(full)) <= 4096


@pytest.mark.parametrize("kind", RECORD_CLASSES, ids=lambda k: k.__name__)
def test_a_record_cut_off_anywhere_is_a_data_fault(kind: type[Any]) -> None:
    record = next(r for r in generated.values(kind, 99) if len(wire.encode(r)) > wire.HEADER_BYTES + 3)
    data = wire.encode(record)
    for length in range(0, len(data), 1 + len(data) // 60):
        with pytest.raises(DataFault) as caught:
            wire.decode(kind, data[:length])
        assert caught.value.reason == ("not_avro" if length < wire.HEADER_BYTES else "bad_avro")


def test_bytes_left_over_are_a_data_fault_that_says_how_many() -> None:
    with pytest.raises(DataFault, match="3 bytes are left over after the Label") as caught:
        wire.decode(records.Label, wire.encode(LABEL) + b"abc")
    assert caught.value.reason == "bad_avro"


@pytest.mark.parametrize("data", [b"", b"\xc3", b"{}", b"\xc3\x02" + bytes(30), b'{"item":1,"more":"json"}'])
def test_bytes_that_are_no_single_object_encoding_are_named_so(data: bytes) -> None:
    with pytest.raises(DataFault, match="no Avro single-object") as caught:
        wire.decode(records.Label, data)
    assert caught.value.reason == "not_avro"


@pytest.mark.parametrize(
    "header", [wire.MARKER + bytes(8), wire.encode(ORDER)[:10]], ids=["nobody's", "another's"]
)
def test_an_unknown_schema_is_named_with_what_to_do(header: bytes) -> None:
    with pytest.raises(
        DataFault, match=f"schema {header[2:].hex()} is not a known Label; add its .avsc"
    ) as caught:
        wire.decode(records.Label, header + wire.encode(LABEL)[10:])
    assert caught.value.reason == "unknown_schema"


def test_whatever_happens_to_the_bytes_decoding_ends_in_a_record_or_a_data_fault() -> None:
    random = Random(11)  # noqa: S311 (seeded, not secret)
    for kind in RECORD_CLASSES:
        for record in generated.values(kind, 20):
            data = bytearray(wire.encode(record))
            for _ in range(random.randrange(1, 4)):
                data[random.randrange(10, len(data))] = random.randrange(256)
            with contextlib.suppress(DataFault):
                assert isinstance(wire.decode(kind, bytes(data)), kind)


WRONG: list[tuple[Any, dict[str, Any]]] = [
    (LABEL, {"item_id": 5}),
    (LABEL, {"item_id": None}),
    (LABEL, {"item_id": b"bytes"}),
    (LABEL, {"item_id": "\ud800"}),
    (LABEL, {"verdict": "MAYBE"}),
    (LABEL, {"label_id": "no uuid"}),
    (LABEL, {"label_id": str(UUID(int=1))}),
    (LABEL, {"product_id": 5}),
    (LABEL, {"defect_types": (5,)}),
    (LABEL, {"defect_types": None}),
    (LABEL, {"labelled_at": 1.0}),
    (LABEL, {"labelled_at": NOW.replace(tzinfo=None)}),
    (ORDER, {"quantity": 1.5}),
    (ORDER, {"quantity": "1"}),
    (ORDER, {"quantity": 2**70}),
    (records.Candidate(product_id="p", confidence=0.5), {"confidence": "x"}),
]


@pytest.mark.parametrize(("record", "change"), WRONG, ids=lambda v: repr(v) if isinstance(v, dict) else "")
def test_a_value_that_its_schema_does_not_hold_is_refused_at_the_sender(
    record: Any, change: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=f"this is no {type(record).__name__}"):
        wire.encode(dataclasses.replace(record, **change))


# -- releases -----------------------------------------------------------------------------------------------


def test_todays_reader_reads_what_an_older_release_wrote(schemas: Path) -> None:
    old = wire.whole_schema(records.Label)
    old["fields"] = [f for f in old["fields"] if f["name"] not in {"product_id", "defect_types"}]
    old["fields"].append({"name": "mood", "type": "string", "default": ""})  # since taken away
    keep(schemas, "0.9.0", records.Label, old)
    plain = {
        "label_id": str(LABEL.label_id),
        "item_id": "i",
        "verdict": "DAMAGED",
        "severity": "MINOR",
        "annotator": "a",
        "labelled_at": NOW,
        "mood": "good",
    }
    data = written_by(old, plain)
    assert wire.Codec(records.Label, schemas).decode(data) == LABEL
    with pytest.raises(DataFault) as caught:  # the release is what makes it readable
        wire.decode(records.Label, data)
    assert caught.value.reason == "unknown_schema"


def test_a_release_equal_to_today_changes_nothing(schemas: Path) -> None:
    release.write("1.2.3", schemas)
    codec = wire.Codec(records.Label, schemas)
    assert codec.decode(wire.encode(LABEL)) == LABEL
    # Read without resolving it against itself, which would cost about twice as much.
    assert codec._writers[codec.header] is codec.schema


@pytest.mark.parametrize(
    ("name", "change"),
    [("product_id", {"type": ["null", "string"], "default": "DROP"}), ("labelled_at", {"type": "long"})],
    ids=["a default", "a logical type"],
)
def test_schemas_that_differ_only_in_what_the_fingerprint_does_not_see_are_refused(
    schemas: Path, name: str, change: dict[str, Any]
) -> None:
    other = wire.whole_schema(records.Label)
    field = next(f for f in other["fields"] if f["name"] == name)
    field.update(change)
    if field.get("default") == "DROP":
        del field["default"]
    keep(schemas, "0.9.0", records.Label, other)
    with pytest.raises(ConfigurationFault, match=r"0\.9\.0.*only in what the fingerprint does not see"):
        wire.Codec(records.Label, schemas)


def test_a_better_description_is_no_other_schema(schemas: Path) -> None:
    other = wire.whole_schema(records.Label)
    other["doc"] = other["fields"][0]["doc"] = "Said otherwise."
    keep(schemas, "0.9.0", records.Label, other)
    assert wire.Codec(records.Label, schemas).decode(wire.encode(LABEL)) == LABEL


def test_a_record_that_lacks_a_field_of_its_schema_is_refused_even_where_a_default_would_do(
    schemas: Path,
) -> None:
    path = wire.schema_path("Vendor", schemas)
    schema = json.loads(path.read_text(encoding="utf-8"))
    schema["fields"].append({"name": "rating", "type": "int", "doc": "Stars.", "default": 0})
    path.write_text(json.dumps(schema), encoding="utf-8")
    with pytest.raises(ValueError, match="rating"):
        wire.Codec(records.Vendor, schemas).encode(records.Vendor(vendor_id="v", name="n"))
