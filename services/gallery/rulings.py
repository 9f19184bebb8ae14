"""What follows when a look is promoted, refused, retired or a version undone, whoever decided it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from services.gallery import trials, words
from services.gallery.evidence import Weighed, weigh
from services.gallery.ledger import (
    MOST,
    RECENT,
    Decided,
    Move,
    Ruling,
    behind,
    confirmed,
    current,
    look_of,
    moved,
    of_step,
    trimmed,
    version,
)
from services.gallery.trials import derived
from services.kernel import records as r
from services.kernel.faults import DataFault
from services.kernel.features import kept_key

#: Deliveries that are remembered to have shown a promoted look.
LOTS = 64
#: References that a look gets when it is promoted: the other half stays with what was there.
NEW = MOST // 2

Copies = tuple[tuple[r.Reference, r.Reference], ...]


def promoted(ledger: r.GalleryLedger, trial: r.Trial, ruling: Ruling) -> Decided:
    """A look becomes one of the gallery's; what was there stays beside it, unless nobody had confirmed it."""
    chosen, copies = kept(ledger, trial, ruling.at)
    encoder = encoder_of(trial)
    stays = confirmed(ledger) and ledger.steps[0].encoder == encoder
    before = tuple(ref for ref in current(ledger) if ref.trial_id != trial.trial_id) if stays else ()
    move = Move(
        event=r.GalleryEvent.PROMOTED,
        references=trimmed((*before, *chosen), MOST, ledger.unmatched),
        encoder=encoder,
        key=_key(ledger, trial.trial_id, ruling),
        trial_id=trial.trial_id,
        weighed=looked_at(ledger, trial),
    )
    ledger = put(ledger, replace(trial, state=r.TrialState.PROMOTED, reason=ruling.reason))
    ledger = seen_in(ledger, (m.lot_id for m in trial.members))
    return Decided(ledger=moved(ledger, move, ruling), copies=copies, moved=True)


def seen_in(ledger: r.GalleryLedger, lots: Iterable[str | None]) -> r.GalleryLedger:
    """Remembers deliveries in which a promoted look was seen."""
    fresh = dict.fromkeys(lot for lot in lots if lot is not None and lot not in ledger.lots)
    return replace(ledger, lots=(*ledger.lots, *fresh)[-LOTS:]) if fresh else ledger


def refused(ledger: r.GalleryLedger, trial: r.Trial, ruling: Ruling) -> Decided:
    """A look is refused, and further items of it do not propose it again; unconfirmed references of it go."""
    trial = replace(trial, state=r.TrialState.REFUSED, reason=ruling.reason)
    ledger = put(ledger, trial)
    present = current(ledger)
    left = tuple(ref for ref in present if ref.trial_id != trial.trial_id)
    if len(left) == len(present):
        return Decided(ledger=ledger, changes=(told(ledger, trial, r.GalleryEvent.REFUSED, ruling),))
    move = Move(
        event=r.GalleryEvent.REFUSED,
        references=left,
        encoder=ledger.steps[0].encoder,
        key=_key(ledger, trial.trial_id, ruling),
        confirmed=ledger.steps[0].confirmed,
        trial_id=trial.trial_id,
        weighed=looked_at(ledger, trial),
    )
    return Decided(ledger=moved(ledger, move, ruling), moved=True)


def retired(ledger: r.GalleryLedger, look: str, ruling: Ruling) -> Decided:
    """A look, or one reference, leaves the gallery."""
    left = tuple(ref for ref in current(ledger) if look not in {look_of(ref), str(ref.reference_id)})
    move = Move(
        event=r.GalleryEvent.RETIRED,
        references=left,
        encoder=ledger.steps[0].encoder,
        key=_key(ledger, look, ruling),
        confirmed=ledger.steps[0].confirmed,
    )
    return Decided(ledger=moved(ledger, move, ruling), moved=True)


def undone(ledger: r.GalleryLedger, step: r.GalleryStep | None, ruling: Ruling) -> Decided:
    """An earlier version comes back as the newest, None: no references; looks that leave by this are refused."""
    references = of_step(ledger, step) if step is not None else ()
    leave = {ref.trial_id for ref in current(ledger)} - {ref.trial_id for ref in references} - {None}
    for trial in ledger.trials:
        if trial.trial_id in leave:
            ledger = put(ledger, replace(trial, state=r.TrialState.REFUSED, reason=ruling.reason))
    move = Move(
        event=r.GalleryEvent.UNDONE,
        references=references,
        encoder=ledger.steps[0].encoder,
        key=_key(ledger, "undo", ruling),
        confirmed=step is not None and step.confirmed,
    )
    return Decided(ledger=moved(ledger, move, ruling), moved=True)


def told(ledger: r.GalleryLedger, trial: r.Trial, event: r.GalleryEvent, ruling: Ruling) -> r.GalleryChange:
    """The row of a change that leaves the list as it is."""
    return r.GalleryChange(
        change_id=derived(ledger.product_id, event, _key(ledger, trial.trial_id, ruling)),
        product_id=ledger.product_id,
        event=event,
        cause=ruling.cause,
        version=version(ledger),
        trial_id=trial.trial_id,
        reason=ruling.reason,
        command_id=ruling.command_id,
        decided_at=ruling.at,
        **behind(looked_at(ledger, trial)),
    )


def looked_at(ledger: r.GalleryLedger, trial: r.Trial) -> Weighed:
    """What a trial's items say, beside what else was seen of the product."""
    others = [t for t in ledger.trials if t is not trial and t.state is not r.TrialState.REFUSED]
    unlike = {m.lot_id for t in others for m in t.members if m.fit is r.Fit.OTHER and m.lot_id is not None}
    return weigh(trial.members, ledger.lots, unlike)


def put(ledger: r.GalleryLedger, trial: r.Trial) -> r.GalleryLedger:
    """With a trial in the place of its predecessor."""
    return replace(ledger, trials=tuple(trial if t.trial_id == trial.trial_id else t for t in ledger.trials))


def kept(ledger: r.GalleryLedger, trial: r.Trial, now: datetime) -> tuple[tuple[r.Reference, ...], Copies]:
    """The pictures of a look as references with copies of their own, and what is to be copied: (from, to)."""
    shelf = {ref.reference_id: ref for ref in ledger.shelf}
    pairs = []
    for shown in trials.best_shown(trial, NEW):
        reference = replace(
            shown,
            features_key=kept_key(ledger.product_id, shown.reference_id),
            enrolled_at=now,
            trial_id=trial.trial_id,
        )
        pairs.append((shown, shelf.get(shown.reference_id, reference)))
    return tuple(reference for _, reference in pairs), tuple(pairs)


def encoder_of(trial: r.Trial) -> str:
    """The encoder version of a look's pictures."""
    return trial.members[-1].encoder


def _key(ledger: r.GalleryLedger, what: object, ruling: Ruling) -> str:
    return f"{what}|{ruling.command_id or version(ledger)}"


# -- what people ask ----------------------------------------------------------------------------------------------


def commanded(ledger: r.GalleryLedger, command: r.GalleryCommand, now: datetime) -> Decided | None:
    """What a person's command changes; None when it was done before.

    Raises:
        DataFault: there is nothing that it could mean.
    """
    tag = str(command.command_id)
    if tag in ledger.recent:
        return None
    ruling = Ruling(
        cause="OPERATOR",
        reason=f"{command.operator}: {command.reason}",
        at=now,
        command_id=command.command_id,
    )
    ledger = replace(ledger, recent=(*ledger.recent, tag)[-RECENT:])
    match command.action:
        case r.GalleryAction.PROMOTE:
            return promoted(ledger, _promotable(ledger, command.target), ruling)
        case r.GalleryAction.REFUSE:
            return refused(ledger, _refusable(ledger, command.target), ruling)
        case r.GalleryAction.RETIRE:
            return retired(ledger, _look(ledger, command.target), ruling)
        case r.GalleryAction.UNDO:
            return undone(ledger, _step(ledger, command.target), ruling)


def _trial(ledger: r.GalleryLedger, target: str | None, *, but: r.TrialState) -> r.Trial:
    found = [
        t
        for t in ledger.trials
        if t.state is not but and (target is None or str(t.trial_id).startswith(target))
    ]
    if target is None:
        found = [t for t in found if t.state is r.TrialState.PROPOSED]
    if len(found) != 1:
        raise DataFault("no_such_look", words.which(ledger, target, [str(t.trial_id) for t in found]))
    return found[0]


def _promotable(ledger: r.GalleryLedger, target: str | None) -> r.Trial:
    trial = _trial(ledger, target, but=r.TrialState.PROMOTED)
    if ledger.steps and current(ledger) and encoder_of(trial) != ledger.steps[0].encoder:
        message = (
            f"the look was seen by encoder {encoder_of(trial)}, the gallery is on {ledger.steps[0].encoder}"
        )
        raise DataFault("old_encoder", f"{message}; wait until newer items show it")
    return trial


def _refusable(ledger: r.GalleryLedger, target: str | None) -> r.Trial:
    trial = _trial(ledger, target, but=r.TrialState.REFUSED)
    if trial.state is r.TrialState.PROMOTED:
        raise DataFault("promoted", "the look is promoted; undo that, or retire the look")
    return trial


def _look(ledger: r.GalleryLedger, target: str | None) -> str:
    names = {name for ref in current(ledger) for name in (look_of(ref), str(ref.reference_id))}
    found = [name for name in sorted(names) if target is not None and name.startswith(target)]
    if len(found) != 1:
        raise DataFault("no_such_look", words.which(ledger, target, found or sorted(names)))
    if all(found[0] in {look_of(ref), str(ref.reference_id)} for ref in current(ledger)):
        raise DataFault("last_look", "it is all that the gallery has; enrol or promote another one first")
    return found[0]


def _step(ledger: r.GalleryLedger, target: str | None) -> r.GalleryStep | None:
    """The version to go back to; None: to no references, as before the first one."""
    if not ledger.steps:
        raise DataFault("no_version", f"product {ledger.product_id} has no gallery: there is nothing to undo")
    earlier = ledger.steps[1:]
    wanted = target if target is not None else str(earlier[0].version if earlier else 0)
    if wanted == "0" and ledger.steps[-1].version == 1:
        return None
    step = next((s for s in earlier if str(s.version) == wanted), None)
    if step is None:
        known = ", ".join(str(s.version) for s in earlier) or "none"
        raise DataFault("no_version", f"version {wanted} is not remembered; there are: {known}")
    if step.encoder != ledger.steps[0].encoder:
        raise DataFault(
            "old_encoder", f"version {wanted} has embeddings of encoder {step.encoder}: enrol anew"
        )
    return step
