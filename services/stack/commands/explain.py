"""`explain`: everything that led to the decision about one capture, and what came of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from typing import Annotated, Any, Final
from uuid import UUID

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from services.kernel import records as r
from services.stack.evidence import Row, Story, gather, reader, when
from services.stack.joining import join
from services.stack.problems import Problem
from services.stack.reading import fetch_from
from services.stack.report import Observed

_CLOCK: Final = "%H:%M:%S.%f"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(explain)


def explain(
    capture: Annotated[
        str, typer.Argument(help="The capture's id, as the station answered it and `tail` shows it.")
    ],
) -> None:
    """Print everything that led to the decision about a capture, and what came of it, in order of time.

    Scores and model versions, identity, comparison, the policy with its version and its sentence, the reference rows as
    they were used, the belt, replacement, disposition, and people's labels with the revisions that they made.
    """
    capture_id = parsed(capture)
    joined = join()
    story = gather(reader(joined.brokers), capture_id, fetch_from(joined.store))
    tell(Console(highlight=False), story)


def parsed(capture: str) -> UUID:
    """A capture id.

    Raises:
        Problem: it is none.
    """
    try:
        return UUID(capture)
    except ValueError as exc:
        raise Problem(
            f"{capture!r} is no capture id; it looks like 0b6c1f0e-…, and "
            "./intact tail damage.assessments --from-start shows one for each item (subject.capture_id)"
        ) from exc


def tell(console: Console, story: Story) -> None:
    """Print a story."""
    for part in (_heading, _in_short, _seen, _identity, _compared, _beside, _judged, _rows, _timeline, _held):
        part(console, story)


def _title(console: Console, text: str) -> None:
    console.print(f"\n[bold]{text}[/]")


def _grid(*columns: str, header: bool = True) -> Table:
    shown = Table(box=None, header_style="bold", pad_edge=False, show_header=header)
    for name in columns:
        shown.add_column(name, overflow="fold")
    return shown


def _pairs(console: Console, pairs: Iterable[tuple[str, str]]) -> None:
    shown = _grid("", "", header=False)
    for name, value in pairs:
        shown.add_row(f"[dim]{name}[/]", escape(value))
    console.print(shown)


# -- what was photographed ----------------------------------------------------------------------------------------


def _heading(console: Console, story: Story) -> None:
    console.print(f"[bold]Capture {story.capture_id}[/] of item {escape(story.item_id)}")
    subject = next((s for e in story.own if (s := getattr(e.record, "subject", None)) is not None), None)
    if subject is None:
        return
    captured = story.first("station.captures")
    pairs = [
        ("where", f"{subject.center_id}, {subject.stage.lower()}, station {subject.station_id}"),
        (
            "taken",
            f"{subject.captured_at:%Y-%m-%d %H:%M:%S.%f} UTC, the belt's deadline {subject.deadline_at:{_CLOCK}}",
        ),
        ("tote, lot", f"{subject.tote_id or 'none'}, {subject.lot_id or 'not known'}"),
        ("barcode", subject.barcode or "none read"),
    ]
    if captured is not None:
        pairs.append(
            (
                "pictures",
                ", ".join(
                    f"{i.camera} ({i.role.lower()}, {i.width}x{i.height}) {i.key}" for i in captured.images
                ),
            )
        )
    if subject.enrol_product_id is not None:
        pairs.append(("enrols", f"a reference of {subject.enrol_product_id}, not an item to judge"))
    _pairs(console, pairs)


def _in_short(console: Console, story: Story) -> None:
    """How it all stands now, before how it came to that."""
    if not story.assessments:
        return
    now: r.Assessment = story.assessments[-1].record
    said = state_of(now) + (f", {now.annotator} says" if now.annotator else "")
    pairs = [("the item", f"{now.product_id or 'of an unknown product'}: {said}")]
    decided = _last(story, "sideline.decisions")
    if decided is not None:
        pairs.append(("the belt", f"{_plain(decided.action)}: {decided.reason}"))
    for line, request in _requests(story).items():
        units = f"{request.quantity} x {request.product_id}"
        pairs.append(("the order", f"{_plain(request.status)}: {units} for order line {line}"))
    done = _last(story, "disposition.decisions")
    if done is not None:
        task = f" ({_plain(done.task)})" if done.task else ""
        word = "confirmed by a person" if done.confirmed else "until a person has looked, nothing final"
        pairs.append(("what is done", f"{_plain(done.action)}{task}, {word}"))
    if story.quarantined:
        pairs.append(("waiting", f"{len(story.quarantined)} of its events are in quarantine, see below"))
    _title(console, "In short, as it stands now")
    _pairs(console, pairs)


def _last(story: Story, topic: str) -> Any:  # noqa: ANN401 (the topic's record)
    """The record of the highest revision in a topic, None where there is none."""
    found = [e.record for e in story.followed if e.topic == topic and e.record is not None]
    return max(found, key=lambda record: record.revision, default=None)


def _requests(story: Story) -> dict[str, r.ReplacementRequest]:
    """The newest request of each order line."""
    asked = (e.record for e in story.followed if e.topic == "replacement.requests" and e.record is not None)
    return {request.order_line_id: request for request in asked}


def _newest(story: Story) -> Any:  # noqa: ANN401 (one of four records)
    """The record that says most of the capture: its judgement, else how far it came."""
    return (
        story.judgement
        or story.first("inspection.results")
        or story.first("captures.identified")
        or story.first("captures.inspected")
    )


def _seen(console: Console, story: Story) -> None:
    known = _newest(story)
    if known is None:
        console.print("\nIt has not been inspected (yet).")
        return
    _title(console, "What the models saw")
    shown = _grid(*(f.name.replace("_", " ") for f in fields(r.Scores)))
    shown.add_row(*(f"{getattr(known.scores, f.name):.3f}" for f in fields(r.Scores)))
    console.print(shown)
    models = [
        (k.removeprefix("model."), v) for k, v in sorted(known.versions.items()) if k.startswith("model.")
    ]
    _pairs(console, [(f"model {name}", version) for name, version in models])


def _identity(console: Console, story: Story) -> None:
    found = story.first("inspection.results") or story.first("captures.identified")
    known = found or story.judgement
    if known is None:
        return
    _title(console, "What product it is")
    how = f" by {found.method.lower()}, confidence {found.confidence:.2f}" if found is not None else ""
    console.print(f"{escape(known.product_id or 'unknown: a person should look')}{how}")
    _pairs(console, _barcode(known, story))
    if known.candidates:
        shown = _grid("candidate", "confidence")
        for c in known.candidates:
            shown.add_row(escape(c.product_id), f"{c.confidence:.3f}")
        console.print(shown)


_BARCODE: Final = {
    r.BarcodeCheck.NONE_READ: "none was read",
    r.BarcodeCheck.AGREES: "of {scanned}, and the picture agrees",
    r.BarcodeCheck.UNCHECKED: "of {scanned}, with no reference picture to hold it against",
    r.BarcodeCheck.WRONG: "of {scanned}: WRONG, it is {product}",
    r.BarcodeCheck.DOUBTED: "of {scanned}, and the picture does not look like it",
    r.BarcodeCheck.UNKNOWN: "read, and no product of the catalogue has it",
}


def _barcode(
    known: r.Identification | r.InspectionResult | r.Assessment, story: Story
) -> Iterator[tuple[str, str]]:
    """What the barcode says, and what a person says since."""
    checked = _BARCODE[known.barcode_check]
    yield "barcode", checked.format(scanned=known.scanned_product_id or "nobody", product=known.product_id)
    newest = story.assessments[-1].record if story.assessments else None
    if newest is not None and newest.identified_by is not None:
        right = newest.barcode_check is not r.BarcodeCheck.WRONG
        label = "" if right else f", so the barcode of {newest.scanned_product_id} on it is WRONG"
        yield "a person says", f"{newest.product_id} ({newest.identified_by}){label}"
        yield "order line", newest.order_line_id or "none"
        if newest.former_order_line_ids:
            yield "not for", ", ".join(newest.former_order_line_ids)


def _compared(console: Console, story: Story) -> None:
    known = _newest(story)
    if known is None or not hasattr(known, "comparison"):
        return
    _title(console, "Compared with its references")
    if (c := known.comparison) is None:
        console.print("there were no references: the classifier stands alone")
        return
    _pairs(
        console,
        [
            ("gallery", f"version {c.gallery_version}, {c.references} references held against it"),
            ("laid over", _laid(c)),
            ("foreign", f"{c.foreign:.3f} (what is there that should not be)"),
            ("missing", f"{c.missing:.3f} (what should be there and is not)"),
        ],
    )


def _laid(c: r.Comparison) -> str:
    if c.inliers is None:
        return "not said: compared by an earlier release, as cosine distances"
    if c.inliers == 0 or c.mismatch_logit is None or c.image is None:
        return "none of them fits on it, so they say nothing"
    mismatch = 1 / (1 + math.exp(-c.mismatch_logit))
    return (
        f"image {c.image + 1} on reference {c.reference_id}, by {c.inliers} local features; another print or product "
        f"with a chance of {mismatch:.2f}"
    )


def _beside(console: Console, story: Story) -> None:
    made = story.judgement
    if made is None or made.matter is None or made.matter.logit <= 0:
        return
    _title(console, "Beside the item")
    whose = (
        (
            "the item holds nothing that spills"
            if made.foreign_matter
            else "whose it is the catalogue does not say"
        )
        if made.foreignness is None
        else f"colour distance {made.foreignness:.0f} from the item's own contents"
    )
    console.print(f"matter on {made.matter.share:.1%} of the picture, {whose}")
    if made.foreign_matter:
        console.print("not the item's: look into its tote")


# -- what was decided ---------------------------------------------------------------------------------------------


def _judged(console: Console, story: Story) -> None:
    made = story.judgement
    _title(console, "Judgement")
    if made is None:
        console.print("none (yet); see quarantine below" if story.quarantined else "none (yet)")
        return
    newest: r.Assessment = story.assessments[-1].record
    policy, version = made.versions.get("policy", "unknown"), made.versions.get("policy.version", "unknown")
    units = "unknown" if made.expected_units is None else str(made.expected_units)
    cost = (
        "" if made.miss_cost_cents is None else f"{made.miss_cost_cents / 100:.2f} for a miss at this stage"
    )
    _pairs(
        console,
        [
            ("judged", state_of(made)),
            ("probability", f"{made.probability:.4f}"),
            ("policy", f"{policy}, version {version}"),
            ("why", made.reason),
            ("units expected", units),
            ("gift", "yes" if made.gift else "no"),
            ("cost", cost or "no policy says what a miss costs"),
            ("revision", f"{made.revision} of {newest.revision}"),
            ("as it stands", f"{state_of(newest)}{f', by {newest.annotator}' if newest.annotator else ''}"),
        ],
    )


def state_of(made: r.Assessment) -> str:
    """What an assessment says, in a few words."""
    if not made.damaged:
        said = "intact"
    elif made.incomplete and set(made.defect_types) == {"missing_unit"}:
        said = "incomplete set"
    else:
        types = ", ".join(made.defect_types).replace("_", " ")
        said = f"damaged, {made.severity.lower()}{f' ({types})' if types else ''}"
        said += ", incomplete" if made.incomplete else ""
    said += ", tolerated" if made.tolerated else ""
    return said + (", disputed" if made.disputed else "")


def _rows(console: Console, story: Story) -> None:
    if not story.rows:
        return
    _title(console, "Reference rows that were used")
    shown = _grid("topic", "key", "row", "says")
    for row in story.rows:
        shown.add_row(row.topic, escape(row.key), row.used or "not recorded", escape(_says(row)))
    console.print(shown)


def _says(row: Row) -> str:
    if row.used == "none":
        return "there was none" + (f"; now: {_short(row.now)}" if row.now is not None else "")
    if row.then is not None:
        changed = (
            ""
            if row.now == row.then
            else ("; deleted since" if row.now is None else f"; now: {_short(row.now)}")
        )
        return f"{_short(row.then)}{changed}"
    if row.now is None:
        return "there is none (any more)" if row.used is None else "compacted away, and deleted since"
    return _short(row.now) if row.used is None else f"compacted away since; now: {_short(row.now)}"


def _short(record: object) -> str:  # noqa: PLR0911 (one line per record)
    """A reference row's gist."""
    match record:
        case r.Manifest():
            return ", ".join(
                f"{e.quantity} x {e.product_id} for {e.order_line_id or 'no order'}" for e in record.entries
            )
        case r.Product():
            danger = ", hazardous" if record.hazardous else ""
            return (
                f"{record.title}, {record.category}, {record.material}, {record.unit_count} to a set, "
                f"{record.price_cents / 100:.2f}, of {record.vendor_id}{danger}"
            )
        case r.Gallery():
            return f"version {record.version}, {len(record.references)} references, encoder {record.encoder}"
        case r.Vendor():
            return record.name
        case r.OrderLine():
            gift = ", a gift" if record.gift else ""
            return f"{record.quantity} x {record.product_id} of order {record.order_id}{gift}"
        case r.Policy():
            return f"version {record.version}: {record.reason}"
        case r.Threshold():
            return f"version {record.version}: {record.threshold:.3f} ({record.reason})"
        case _:
            return str(record)


def _timeline(console: Console, story: Story) -> None:
    _title(console, "In order of time (UTC)")
    events = {(e.topic, e.partition, e.offset): e for e in (*story.own, *story.assessments, *story.followed)}
    shown = _grid("when", "topic", "revision", "what")
    for event in sorted(events.values(), key=lambda e: (e.at_ms, _ORDER(e.topic), e.offset)):
        if event.record is None:
            continue
        revision = getattr(event.record, "revision", "")
        shown.add_row(
            f"{when(event):%m-%d %H:%M:%S.%f}"[:-3], event.topic, str(revision), escape(_what(event))
        )
    console.print(shown)


_WAY: Final = (
    "station.captures", "captures.inspected", "captures.identified", "inspection.results", "review.labels",
    "damage.assessments", "damage.events", "sideline.decisions", "sideline.commands", "replacement.requests",
    "disposition.decisions",
)  # fmt: skip
_ORDER: Final[Callable[[str], int]] = lambda topic: _WAY.index(topic) if topic in _WAY else len(_WAY)  # noqa: E731


def _what(event: Observed) -> str:  # noqa: C901, PLR0911, PLR0912 (one line per record)
    match event.record:
        case r.Capture() as x:
            return f"accepted with {len(x.images)} {'picture' if len(x.images) == 1 else 'pictures'}"
        case r.Inspection() as x:
            return f"inspected: damaged {x.scores.damaged:.3f}"
        case r.Identification() as x:
            return f"identified: {x.product_id or 'unknown'} ({x.method.lower()}, {x.confidence:.2f})"
        case r.InspectionResult() as x:
            return "compared" if x.comparison is not None else "no references to compare with"
        case r.Assessment() as x:
            return f"{state_of(x)}: {x.reason}"
        case r.DamageEvent() as x:
            return f"told: {x.kind.lower()}"
        case r.Label(identity_only=True) as x:
            return f"{x.annotator} says that it is {x.product_id}"
        case r.Label() as x:
            types = f" ({', '.join(x.defect_types)})" if x.defect_types else ""
            product = f", product {x.product_id}" if x.product_id else ""
            return f"{x.annotator} finds it {x.verdict.lower()}{types}{product}"
        case r.SidelineDecision() as x:
            return f"{_plain(x.action)} at threshold {x.threshold:.3f} (version {x.threshold_version}): {x.reason}"
        case r.SidelineCommand() as x:
            return f"command to the belt: {_plain(x.action)}, until {x.deadline_at:%H:%M:%S}"
        case r.ReplacementRequest() as x:
            return f"{_plain(x.status)} {x.quantity} x {x.product_id} for order line {x.order_line_id}: {x.reason}"
        case r.Disposition() as x:
            price = f" at {x.price_cents / 100:.2f}" if x.price_cents is not None else ""
            task = f" ({_plain(x.task)})" if x.task else ""
            word = "confirmed by a person" if x.confirmed else "nothing final before a person looked"
            return f"{_plain(x.action)}{task}{price}, {word}: {x.reason}"
        case _:
            return type(event.record).__name__


def _plain(word: str) -> str:
    return str(word).lower().replace("_", " ")


def _held(console: Console, story: Story) -> None:
    if not story.quarantined:
        return
    _title(console, "In quarantine")
    shown = _grid("when", "from", "service", "reason", "message")
    for event in story.quarantined:
        q: r.Quarantined = event.record
        shown.add_row(
            f"{q.quarantined_at:%m-%d %H:%M:%S}", q.topic, q.service, q.reason, escape(q.message[:400])
        )
    console.print(shown)
    console.print(
        "[dim]./intact quarantine list gives their numbers; ./intact quarantine retry sends one again[/]"
    )
