"""Looks under trial: items of a product that look like each other, bounded in number and size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import NAMESPACE_URL, UUID, uuid5

from services.gallery.evidence import SAYS
from services.kernel import records as r

#: Looks kept of a product, items remembered of each, and pictures of each that new items are held against.
TRIALS, MEMBERS, SHOWN = 4, 32, 6
#: A look that nobody saw for so long is forgotten, unless people decided about it.
FADES = timedelta(days=60)
#: A picture stands for its look when so many of the items held against it looked the same: one that shows a damage
#: which the others lack does not.
SUPPORTED = 0.65

_NAMESPACE = uuid5(NAMESPACE_URL, "intact:gallery")


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A sighting, its picture as a reference would keep it, and the trial that it is of, if any.

    `held`: the pictures of that trial that it was held against, and whether it looked the same.
    """

    sighting: r.Sighting
    picture: r.Reference | None = None
    alike: UUID | None = None
    held: Mapping[UUID, bool] = field(default_factory=dict)


def of_it(held: Mapping[UUID, bool]) -> bool:
    """Whether an item is of a look: it looks the same as most of the pictures that it was held against."""
    return 2 * sum(held.values()) > len(held)


def derived(*parts: object) -> UUID:
    """The id of what follows from these: the same at every replay."""
    return uuid5(_NAMESPACE, "|".join(map(str, parts)))


def joined(trials: Sequence[r.Trial], looked: Looked) -> tuple[tuple[r.Trial, ...], UUID | None]:
    """The trials with this testimony, and the one that it went to; None when it is of none.

    An item counts once: a later revision replaces what an earlier one said, in whichever look it is. An item that fits
    the references, or of which nothing is to be seen, joins none.
    """
    sighting = looked.sighting
    home = next((t for t in trials if any(m.item_id == sighting.item_id for m in t.members)), None)
    if home is not None:
        return _put(trials, _retold(home, sighting)), home.trial_id
    if looked.picture is None or sighting.fit is r.Fit.SAME:
        return tuple(trials), None
    # Embeddings of two encoders never meet: what was watched with the last one is begun anew.
    trials = [t for t in trials if decided(t) or t.members[-1].encoder == sighting.encoder]
    known = next((t for t in trials if t.trial_id == looked.alike), None)
    grown = _grown(known or _opened(sighting), looked.picture, looked)
    return _put(_with_room(trials, grown), grown), grown.trial_id


def _opened(sighting: r.Sighting) -> r.Trial:
    return r.Trial(
        trial_id=derived(sighting.product_id, sighting.capture_id),
        state=r.TrialState.WATCHED,
        opened_at=sighting.captured_at,
        last_at=sighting.captured_at,
        reason="seen for the first time",
    )


def _retold(trial: r.Trial, sighting: r.Sighting) -> r.Trial:
    members = tuple(
        sighting if m.item_id == sighting.item_id and m.revision < sighting.revision else m
        for m in trial.members
    )
    return replace(trial, members=members)


def _grown(trial: r.Trial, picture: r.Reference, looked: Looked) -> r.Trial:
    asked, agreed = Counter(trial.asked), Counter(trial.agreed)
    for name, same in _independent(trial, looked).items():
        for each in (name, picture.reference_id):
            asked[str(each)] += 1
            agreed[str(each)] += same
    members = _kept((*trial.members, looked.sighting))
    shown = _shown(replace(trial, members=members, asked=asked, agreed=agreed), picture)
    names = {str(p.reference_id) for p in shown}
    return replace(
        trial,
        members=members,
        shown=shown,
        asked={name: n for name, n in asked.items() if name in names},
        agreed={name: n for name, n in agreed.items() if name in names},
        last_at=max(trial.last_at, looked.sighting.captured_at),
    )


def _independent(trial: r.Trial, looked: Looked) -> Mapping[UUID, bool]:
    """What an item looks like beside pictures of other deliveries: its own may have its damage in common."""
    lot = looked.sighting.lot_id
    near = {m.item_id for m in trial.members if lot is not None and m.lot_id == lot}
    own = {p.reference_id for p in trial.shown if p.item_id in near}
    return {name: same for name, same in looked.held.items() if name not in own}


def _kept(members: tuple[r.Sighting, ...]) -> tuple[r.Sighting, ...]:
    """At most MEMBERS: what people said stays longest, and of the others the newest."""
    if len(members) <= MEMBERS:
        return members
    goes = next((m for m in members if m.verdict is None), members[0])
    return tuple(m for m in members if m is not goes)


def _shown(trial: r.Trial, picture: r.Reference) -> tuple[r.Reference, ...]:
    """With this picture; one that most items do not look like, or else one of a delivery with several, makes room."""
    if len(trial.shown) < SHOWN:
        return (*trial.shown, picture)
    lots = {m.item_id: m.lot_id for m in trial.members}
    known = Counter(lots.get(p.item_id or "") for p in trial.shown)
    new = lots.get(picture.item_id or "") not in known

    def use(shown: r.Reference) -> tuple[bool, int]:
        return support(trial, shown) >= SUPPORTED, -known[lots.get(shown.item_id or "")] if new else -1

    goes = min(trial.shown, key=use)
    if use(goes) == (True, -1):
        return trial.shown
    return (*(p for p in trial.shown if p is not goes), picture)


def support(trial: r.Trial, shown: r.Reference) -> float:
    """Share of other deliveries' items that looked the same as a picture (after Laplace: a half without any)."""
    name = str(shown.reference_id)
    return (trial.agreed.get(name, 0) + 1) / (trial.asked.get(name, 0) + 2)


def _with_room(trials: Sequence[r.Trial], grown: r.Trial) -> tuple[r.Trial, ...]:
    """Without looks that have faded, and with room for this one."""
    kept = [
        t for t in trials if t.trial_id == grown.trial_id or decided(t) or grown.last_at - t.last_at <= FADES
    ]
    if len(kept) < TRIALS or any(t.trial_id == grown.trial_id for t in kept):
        return tuple(kept)
    goes = min(
        kept, key=lambda t: (decided(t), t.state is r.TrialState.PROPOSED, len(t.members) > 2, t.last_at)
    )
    return tuple(t for t in kept if t is not goes)


def decided(trial: r.Trial) -> bool:
    """Whether it is promoted or refused."""
    return trial.state in {r.TrialState.PROMOTED, r.TrialState.REFUSED}


def _put(trials: Sequence[r.Trial], trial: r.Trial) -> tuple[r.Trial, ...]:
    """With this one in the place of its predecessor; the longest unseen first."""
    rest = [t for t in trials if t.trial_id != trial.trial_id]
    return tuple(sorted([*rest, trial], key=lambda t: (t.last_at, str(t.trial_id))))


def best_shown(trial: r.Trial, most: int) -> tuple[r.Reference, ...]:
    """The pictures to promote: of items found intact first, none found damaged, of as many deliveries as possible."""
    said = {m.item_id: m for m in trial.members}
    usable = [(p, said.get(p.item_id or "")) for p in trial.shown]
    usable = [(p, m) for p, m in usable if m is None or m.verdict is not r.Verdict.DAMAGED]
    usable = [(p, m) for p, m in usable if support(trial, p) >= SUPPORTED] or usable
    usable.sort(key=lambda pair: (*_doubt(pair[1]), -support(trial, pair[0])))
    chosen: list[r.Reference] = []
    lots: set[str | None] = set()
    for again in (False, True):
        for picture, member in usable:
            lot = member.lot_id if member is not None else None
            if len(chosen) < most and picture not in chosen and (again or lot not in lots):
                chosen.append(picture)
                lots.add(lot)
    return tuple(chosen)


def _doubt(member: r.Sighting | None) -> tuple[bool, bool]:
    if member is None:
        return True, True
    return member.verdict is not r.Verdict.INTACT, max(member.damaged, member.missing_unit) >= SAYS
