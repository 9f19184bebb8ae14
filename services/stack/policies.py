"""Policies as people write them, in YAML, as rows of policies.tolerability; and everything that can be wrong with them.

A file is the whole set of policies. All complaints are gathered, each with its file, line and entry, so that a file is
mended in one go. Nothing is guessed: a key, a category or a type that is not known is an error.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import combinations, pairwise
from pathlib import Path
from typing import Final

import yaml

from services.kernel import policies as rules
from services.kernel import wire
from services.kernel.policies import MISSING, TYPES
from services.kernel.records import Policy, Severity, Stage
from services.stack.problems import Problem
from triton_models.simulator.things import ITEM_MATERIALS

DEFAULT_FILE: Final = Path(__file__).with_name("policies.yaml")
_TOP: Final = ("policies", "categories", "materials")
_KEYS: Final = (
    "id", "where", "tolerate", "never", "judge_at", "incomplete_at", "miss_cost_cents", "discount_percent",
    "priority", "reason",
)  # fmt: skip
_WHERE: Final = ("category", "material", "stage", "hazardous", "gift")
_TOLERATE: Final = ("types", "up_to", "foreign_up_to", "harms")
_STAGES: Final = {s.lower(): s for s in Stage}
_SEVERITIES: Final = {s.lower(): s for s in Severity if s is not Severity.NONE}
_HARMS: Final = ("packaging", "product")
#: Types of damage that reach the product, whatever it is packed in.
_REACH_THE_PRODUCT: Final = frozenset({"spillage", "deconstruction", "penetration"})
#: Categories of the made-up catalogue.
CATEGORIES: Final = (
    "beauty", "book", "electronics", "grocery", "household", "medicine", "pet", "stationery", "tools", "toy",
)  # fmt: skip
#: Chances end here.
_SUREST: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """One thing that is wrong. `line`: from 1; `entry`: the policy, or empty."""

    line: int
    entry: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A policy and the line that it begins at."""

    policy: Policy
    line: int


def load(path: Path) -> tuple[Policy, ...]:
    """Read a file of policies; their versions are given when they are applied.

    Raises:
        Problem: it cannot be read, or anything in it is wrong; the message has a line for each complaint.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise Problem(f"{path} cannot be read: {exc}") from exc
    written, complaints = parse(text)
    complaints = complaints or list(contradictions(written))
    if complaints:
        raise Problem(
            "\n".join(
                f"{path}:{c.line}: {f'policy {c.entry}: ' if c.entry else ''}{c.text}"
                for c in sorted(complaints, key=lambda c: (c.line, c.text))
            )
        )
    # As they will stand on the topic: numbers are float32 there, and a dry run must meet the same.
    return tuple(wire.decode(Policy, wire.encode(w.policy)) for w in written)


# -- reading ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Reader:
    """Takes values out of YAML's nodes, which know their lines, and gathers complaints."""

    complaints: list[Complaint] = field(default_factory=list)
    entry: str = ""
    categories: frozenset[str] = frozenset(CATEGORIES)
    materials: frozenset[str] = frozenset(ITEM_MATERIALS)

    def say(self, node: yaml.Node, text: str) -> None:
        self.complaints.append(Complaint(line=node.start_mark.line + 1, entry=self.entry, text=text))

    def mapping(self, node: yaml.Node, known: Iterable[str], what: str) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            self.say(node, f"{what} must be a mapping (key: value)")
            return {}
        found: dict[str, yaml.Node] = {}
        names = tuple(known)
        for key, value in node.value:
            name = str(key.value)
            if name in found:
                self.say(key, f"{name} is given twice in {what}")
            elif name not in names:
                self.say(key, f"{what} has no key {name!r}{_meant(name, names)}")
            else:
                found[name] = value
        return found

    def scalar(self, node: yaml.Node, what: str) -> str | None:
        if not isinstance(node, yaml.ScalarNode) or not str(node.value).strip():
            self.say(node, f"{what} must be one word or sentence")
            return None
        return str(node.value).strip()

    def number(self, node: yaml.Node, what: str, low: float, high: float) -> float | None:
        try:
            value = float(str(node.value)) if isinstance(node, yaml.ScalarNode) else math.nan
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            shown = node.value if isinstance(node, yaml.ScalarNode) else "a list or mapping"
            self.say(node, f"{what} is {shown}, and must be a number from {low:g} to {high:g}")
            return None
        return value

    def whole(self, node: yaml.Node, what: str, low: int, high: int) -> int | None:
        value = self.number(node, what, low, high)
        if value is not None and value != int(value):
            self.say(node, f"{what} is {value:g}, and must be a whole number")
            return None
        return None if value is None else int(value)

    def flag(self, node: yaml.Node, what: str) -> bool | None:
        found = {"yes": True, "true": True, "no": False, "false": False}.get(str(node.value).lower())
        if found is None:
            self.say(node, f"{what} is {node.value}, and must be yes or no")
        return found

    def words(self, node: yaml.Node, what: str, known: Iterable[str]) -> tuple[str, ...]:
        """One word or a list of them, each known."""
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        if not nodes:
            self.say(node, f"{what} is an empty list; leave it out to mean all")
        names, found = tuple(known), []
        for each in nodes:
            name = str(each.value) if isinstance(each, yaml.ScalarNode) else "a list or mapping"
            if name not in names:
                self.say(each, f"unknown {what} {name!r}{_meant(name, names)}")
            elif name in found:
                self.say(each, f"{what} {name} is given twice")
            else:
                found.append(name)
        return tuple(found)


def _meant(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = difflib.get_close_matches(name, names, 1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(names)}"


def parse(text: str) -> tuple[list[Written], list[Complaint]]:
    """Read policies; complaints about each alone come beside them."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        line = mark.line + 1 if mark else 1
        return [], [Complaint(line=line, entry="", text=f"this is no YAML: {exc.problem}")]
    except yaml.YAMLError as exc:
        return [], [Complaint(line=1, entry="", text=f"this is no YAML: {exc}")]
    reader = _Reader()
    if root is None:
        return [], [Complaint(line=1, entry="", text="the file is empty; it needs a list 'policies'")]
    top = reader.mapping(root, _TOP, "the file")
    reader.categories |= _more(reader, top, "categories")
    reader.materials |= _more(reader, top, "materials")
    listed = top.get("policies")
    if not isinstance(listed, yaml.SequenceNode) or not listed.value:
        reader.say(listed or root, "the file needs a list 'policies' with at least one entry")
        return [], reader.complaints
    written = [w for node in listed.value if (w := _policy(reader, node)) is not None]
    reader.entry = ""
    return written, reader.complaints


def _more(reader: _Reader, top: Mapping[str, yaml.Node], name: str) -> frozenset[str]:
    """Names that this catalogue has beyond the built-in ones."""
    node = top.get(name)
    if node is None:
        return frozenset()
    if not isinstance(node, yaml.SequenceNode):
        reader.say(node, f"{name} must be a list of names")
        return frozenset()
    return frozenset(str(each.value) for each in node.value)


def _policy(reader: _Reader, node: yaml.Node) -> Written | None:
    before = len(reader.complaints)
    reader.entry = _id_of(node)
    given = reader.mapping(node, _KEYS, "a policy")
    name = reader.scalar(given["id"], "id") if "id" in given else None
    for needed in ("id", "judge_at", "reason"):
        if needed not in given:
            reader.say(node, f"a policy needs {needed!r}")
    values: dict[str, object] = {}
    for key, read in _READERS.items():
        if key in given:
            values |= read(reader, given[key])
    if len(reader.complaints) > before or name is None:
        return None
    policy = Policy(**{"policy_id": name, "up_to": Severity.NONE, **values})  # type: ignore[arg-type]
    _fits_together(reader, node, given, policy)
    return Written(policy=policy, line=node.start_mark.line + 1)


def _id_of(node: yaml.Node) -> str:
    """The entry's name, whatever else is wrong with it; empty where it has none."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next((str(v.value) for k, v in pairs if k.value == "id" and isinstance(v, yaml.ScalarNode)), "")


def _where(reader: _Reader, node: yaml.Node) -> dict[str, object]:
    given = reader.mapping(node, _WHERE, "where")
    values: dict[str, object] = {}
    for key, plural, known in (
        ("category", "categories", reader.categories),
        ("material", "materials", reader.materials),
    ):
        if key in given:
            named = reader.words(given[key], key, known)
            values |= {key: named[0]} if len(named) == 1 else {plural: named}
    if "stage" in given:
        values["stages"] = tuple(_STAGES[s] for s in reader.words(given["stage"], "stage", _STAGES))
    for key in ("hazardous", "gift"):
        if key in given:
            values[key] = reader.flag(given[key], key)
    return values


def _tolerate(reader: _Reader, node: yaml.Node) -> dict[str, object]:
    given = reader.mapping(node, _TOLERATE, "tolerate")
    for needed in ("types", "up_to"):
        if needed not in given:
            reader.say(node, f"tolerate needs {needed!r}")
    values: dict[str, object] = {}
    if "types" in given:
        values["tolerated_types"] = reader.words(given["types"], "type of damage", TYPES)
    if "up_to" in given:
        worst = reader.words(given["up_to"], "severity", _SEVERITIES)
        values["up_to"] = _SEVERITIES[worst[0]] if worst else Severity.NONE
    if "foreign_up_to" in given:
        values["foreign_up_to"] = reader.number(given["foreign_up_to"], "foreign_up_to", 0.0, _SUREST)
    if "harms" in given:
        harmed = reader.words(given["harms"], "harm", _HARMS)
        values["harms"] = harmed[0] if harmed else ""
    return values


def _never(reader: _Reader, node: yaml.Node) -> dict[str, object]:
    return {"never_types": reader.words(node, "type of damage", TYPES)}


def _judge_at(reader: _Reader, node: yaml.Node) -> dict[str, object]:
    # At 0 every item would be damaged.
    return {"judge_at": reader.number(node, "judge_at", 0.001, 1.0)}


def _incomplete_at(reader: _Reader, node: yaml.Node) -> dict[str, object]:
    return {"incomplete_at": reader.number(node, "incomplete_at", 0.001, 1.0)}


def _priority(reader: _Reader, node: yaml.Node) -> dict[str, object]:
    return {"priority": reader.whole(node, "priority", -1000, 1000)}


def _miss_cost(reader: _Reader, node: yaml.Node) -> dict[str, object]:
    given = reader.mapping(node, _STAGES, "miss_cost_cents")
    costs = {s: reader.whole(v, f"miss_cost_cents of {s}", 0, 10**9) for s, v in given.items()}
    known = [(s, c) for s in _STAGES if (c := costs.get(s)) is not None]
    for (earlier, less), (later, more) in pairwise(known):
        if more < less:
            reader.say(
                given[later],
                f"a miss costs {more} cents at {later} and {less} at {earlier}: the longer damage goes "
                "undetected, the more it costs",
            )
    return {"miss_cost_cents": {str(_STAGES[s]): c for s, c in known}}


def _discount(reader: _Reader, node: yaml.Node) -> dict[str, object]:
    given = reader.mapping(node, _SEVERITIES, "discount_percent")
    off = {s: reader.whole(v, f"discount_percent of {s}", 1, 99) for s, v in given.items()}
    minor, major = off.get("minor"), off.get("major")
    if minor is not None and major is not None and major < minor:
        reader.say(
            given["major"], f"{major} % off for major damage and {minor} % for minor: worse is not dearer"
        )
    return {"discount_percent": {str(_SEVERITIES[s]): p for s, p in off.items() if p is not None}}


def _reason(reader: _Reader, node: yaml.Node) -> dict[str, object]:
    return {"reason": reader.scalar(node, "reason")}


_READERS: Final[dict[str, Callable[[_Reader, yaml.Node], dict[str, object]]]] = {
    "where": _where,
    "tolerate": _tolerate,
    "never": _never,
    "judge_at": _judge_at,
    "incomplete_at": _incomplete_at,
    "priority": _priority,
    "miss_cost_cents": _miss_cost,
    "discount_percent": _discount,
    "reason": _reason,
}


def _fits_together(reader: _Reader, node: yaml.Node, given: Mapping[str, yaml.Node], policy: Policy) -> None:
    """Complain of what one policy says against itself."""
    at = given.get("tolerate", node)
    if both := sorted(set(policy.tolerated_types) & set(policy.never_types)):
        reader.say(at, f"{', '.join(both)} is tolerated, and never let pass")
    if MISSING in policy.tolerated_types:
        reader.say(
            at, f"{MISSING} cannot be tolerated: the customer gets less than was sold; see incomplete_at"
        )
    reached = sorted(set(policy.tolerated_types) & _REACH_THE_PRODUCT)
    if policy.harms == "packaging" and reached:
        reader.say(at, f"{', '.join(reached)} reaches the product, so it does not harm the packaging alone")


# -- against each other -------------------------------------------------------------------------------------------


def contradictions(written: Iterable[Written]) -> Iterator[Complaint]:
    """Say which policies cannot both be meant."""
    for one, other in combinations(written, 2):
        a, b = one.policy, other.policy
        complain = _Complain(other.line, b.policy_id)
        if a.policy_id == b.policy_id:
            yield complain(f"the policy of line {one.line} has the same id")
            continue
        if not rules.overlap(a, b):
            continue
        if rules.rank(a) == rules.rank(b) and _says(a) != _says(b):
            yield complain(
                f"and policy {a.policy_id} (line {one.line}) both fit {_example(a, b)}, equally exactly, and say "
                "different things; say more exactly where one of them holds, or give one a priority"
            )
        elif _same_place(a, b):
            yield complain(f"holds just where policy {a.policy_id} (line {one.line}) does; one never decides")
        for lax, strict in ((one, other), (other, one)):
            yield from _overruled(lax, strict)


@dataclass(frozen=True, slots=True)
class _Complain:
    line: int
    entry: str

    def __call__(self, text: str) -> Complaint:
        return Complaint(line=self.line, entry=self.entry, text=text)


def _overruled(lax: Written, strict: Written) -> Iterator[Complaint]:
    """What one policy tolerates where it decides, and another never lets pass there."""
    both = sorted(set(lax.policy.tolerated_types) & set(strict.policy.never_types))
    if both and rules.rank(lax.policy) < rules.rank(strict.policy):
        yield Complaint(
            line=lax.line,
            entry=lax.policy.policy_id,
            text=f"tolerates {', '.join(both)}, which policy {strict.policy.policy_id} (line {strict.line}) never "
            f"lets pass, for {_example(lax.policy, strict.policy)}",
        )


def _says(policy: Policy) -> tuple[object, ...]:
    return (
        policy.judge_at,
        policy.tolerated_types and sorted(policy.tolerated_types),
        policy.up_to,
        policy.foreign_up_to,
        policy.incomplete_at,
        dict(policy.miss_cost_cents),
        dict(policy.discount_percent),
    )


def _same_place(a: Policy, b: Policy) -> bool:
    def place(p: Policy) -> tuple[object, ...]:
        return rules.categories_of(p), rules.materials_of(p), frozenset(p.stages), p.hazardous, p.gift

    return place(a) == place(b)


def _example(a: Policy, b: Policy) -> str:
    """Name an item that both fit."""

    def common(one: frozenset[str] | None, two: frozenset[str] | None) -> str:
        both = (one & two) if one is not None and two is not None else (one or two or frozenset())
        return min(both) if both else ""

    category = common(rules.categories_of(a), rules.categories_of(b))
    material = common(rules.materials_of(a), rules.materials_of(b))
    stage = common(frozenset(a.stages) or None, frozenset(b.stages) or None)
    words = [
        "hazardous" if a.hazardous or b.hazardous else "",
        category,
        "gift" if a.gift or b.gift else "item",
        f"in {material}" if material else "",
        f"at {stage.lower()}" if stage else "",
    ]
    return "a " + " ".join(w for w in words if w)


# -- versions -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What applying a file does to one policy: `new` None takes it out; `old` None brings it in."""

    policy_id: str
    old: Policy | None
    new: Policy | None

    @property
    def nothing(self) -> bool:
        """Whether it says the same as before."""
        return self.old is not None and self.new is not None and self.old == self.new


def changes(
    wanted: Iterable[Policy], present: Mapping[str, Policy], last: Mapping[str, int], now: datetime
) -> list[Change]:
    """What is to be done so that the topic holds just what is wanted.

    A policy that says something new gets the next version; `last` is the highest version that each id ever had, so
    that one that was taken out and comes back does not use a version twice.
    """
    found = []
    ids = set()
    for policy in wanted:
        ids.add(policy.policy_id)
        old = present.get(policy.policy_id)
        if old is not None and _bare(old) == _bare(policy) and old.version > 0:
            found.append(Change(policy_id=policy.policy_id, old=old, new=old))
            continue
        version = max(last.get(policy.policy_id, 0), old.version if old else 0) + 1
        new = replace(policy, version=version, applied_at=now)
        found.append(Change(policy_id=policy.policy_id, old=old, new=new))
    gone = sorted(present.keys() - ids)
    return found + [Change(policy_id=name, old=present[name], new=None) for name in gone]


def _bare(policy: Policy) -> Policy:
    """What a policy says, without its version."""
    return replace(policy, version=0, applied_at=None)
