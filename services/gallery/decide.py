"""What becomes of a product's gallery when an item, a capture for it, or a person speaks. Values in, values out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from services.gallery import rulings, trials, words
from services.gallery.evidence import SAYS, Weighed
from services.gallery.ledger import (
    MOST,
    RECENT,
    Decided,
    Move,
    Ruling,
    confirmed,
    current,
    look_of,
    moved,
    trimmed,
    version,
)
from services.gallery.trials import Looked
from services.kernel import records as r
from services.kernel.faults import DataFault
from services.kernel.model_versions import encoder_of

#: A look is proposed to people from so many items on, of so many totes, and a first one is used (unconfirmed) from
#: fewer.
PROPOSED_ITEMS, PROPOSED_TOTES, FIRST_ITEMS = 4, 2, 3
#: A look is retired when so many items of the product went by, and so much time, since one last matched it.
RETIRED_ITEMS, RETIRED_AFTER = 300, timedelta(days=28)


# -- captures for the gallery -------------------------------------------------------------------------------------


def enrolled(
    ledger: r.GalleryLedger, inspection: r.Inspection, features_key: str, now: datetime
) -> Decided | None:
    """The next version with this capture; None when it is in, or was and left.

    A list holds embeddings of one encoder version: a capture seen by another version begins a new list. References that
    nobody has confirmed make room for those that somebody enrols.

    Raises:
        DataFault: the capture was seen before the present encoder came into use: its embedding fits nothing here.
    """
    encoder = encoder_of(inspection.versions)
    capture_id = inspection.subject.capture_id
    step = ledger.steps[0] if ledger.steps else None
    same = step is not None and step.encoder == encoder
    known = {ref.reference_id for ref in current(ledger)} if same else set()
    if capture_id in known or (same and capture_id in ledger.gone):
        return None
    if step is not None and not same and inspection.inspected_at < _since(ledger, step.encoder):
        msg = f"the capture was seen by encoder {encoder}, the gallery is on {step.encoder}; enrol it again"
        raise DataFault("old_encoder", msg)
    kept = current(ledger) if same and confirmed(ledger) else ()
    reference = r.Reference(
        reference_id=capture_id, features_key=features_key, embedding=inspection.embedding, enrolled_at=now
    )
    move = Move(
        event=r.GalleryEvent.ENROLLED,
        references=trimmed((*kept, reference), MOST, ledger.unmatched),
        encoder=encoder,
        key=f"{capture_id}|{encoder}",
    )
    reason = words.enrolled(encoder, anew=step is not None and not same)
    return Decided(ledger=moved(ledger, move, Ruling(cause="ENROLMENT", reason=reason, at=now)), moved=True)


def _since(ledger: r.GalleryLedger, encoder: str) -> datetime:
    """When the present encoder came into use, as far as is remembered."""
    first = ledger.steps[0]
    for step in ledger.steps:
        if step.encoder != encoder:
            break
        first = step
    return first.decided_at


# -- what items say -----------------------------------------------------------------------------------------------


def needs_picture(ledger: r.GalleryLedger, sighting: r.Sighting, offset: int) -> bool:
    """Whether the picture must be looked at before this testimony can be weighed."""
    known = any(m.item_id == sighting.item_id for t in ledger.trials for m in t.members)
    looks_new = sighting.fit is not r.Fit.SAME and not (sighting.fit is r.Fit.UNSEEN and confirmed(ledger))
    return offset > ledger.applied and not known and looks_new and not _says_no_more(ledger, sighting)


def _says_no_more(ledger: r.GalleryLedger, sighting: r.Sighting) -> bool:
    """Whether a look has as many items as are remembered, of this item's delivery too: then one more tells nothing.

    So a product whose items never look like their references (a bag, say) costs no more comparisons for ever.
    """
    full = [t for t in ledger.trials if len(t.members) >= trials.MEMBERS]
    return sighting.verdict is None and any(m.lot_id == sighting.lot_id for t in full for m in t.members)


def weighed(ledger: r.GalleryLedger, looked: Looked, offset: int, now: datetime) -> Decided | None:
    """What an item's testimony changes; None when it was counted before, or bears on nothing that is kept."""
    sighting = looked.sighting
    tag = f"{sighting.item_id}|{sighting.revision}"
    if offset <= ledger.applied or tag in ledger.recent:
        return None
    if current(ledger) and sighting.encoder != ledger.steps[0].encoder:
        return None  # the references are yet to be seen by its encoder
    found, home = trials.joined(ledger.trials, looked)
    ledger = replace(ledger, applied=offset, recent=(*ledger.recent, tag)[-RECENT:], trials=found)
    trial = next((t for t in found if t.trial_id == home), None)
    return (
        _damaged_reference(ledger, sighting, now)
        or (_look_again(ledger, trial, now) if trial is not None else None)
        or _matched(ledger, sighting, now)
        or (Decided(ledger=ledger) if trial is not None else None)
    )


def _damaged_reference(ledger: r.GalleryLedger, sighting: r.Sighting, now: datetime) -> Decided | None:
    """A reference goes when a person finds its item damaged, or to be another product."""
    bad = sighting.verdict is r.Verdict.DAMAGED or (
        sighting.verdict is not None and sighting.rival is not None
    )
    present = current(ledger)
    left = tuple(ref for ref in present if ref.item_id is None or ref.item_id != sighting.item_id)
    if not bad or len(left) == len(present):
        return None
    move = Move(
        event=r.GalleryEvent.RETIRED,
        references=left,
        encoder=ledger.steps[0].encoder,
        confirmed=ledger.steps[0].confirmed,
        key=f"label|{sighting.item_id}|{sighting.revision}",
    )
    ruling = Ruling(cause="LABEL", reason=words.reference_damaged(sighting), at=now)
    return Decided(ledger=moved(ledger, move, ruling), moved=True)


def _look_again(ledger: r.GalleryLedger, trial: r.Trial, now: datetime) -> Decided | None:
    found = rulings.looked_at(ledger, trial)
    if trial.trial_id in {ref.trial_id for ref in current(ledger)} and confirmed(ledger):
        return _taken_back(ledger, trial, found, now)
    if trial.state is r.TrialState.REFUSED:
        return None
    if found.enough:
        return rulings.promoted(ledger, trial, Ruling(cause="EVIDENCE", reason=words.promoted(found), at=now))
    if found.hopeless and found.items >= PROPOSED_ITEMS:
        return rulings.refused(ledger, trial, Ruling(cause="EVIDENCE", reason=words.refused(found), at=now))
    if trial.state is r.TrialState.WATCHED and _presentable(ledger, trial, found):
        return _proposed(ledger, trial, found, now)
    return Decided(ledger=rulings.put(ledger, replace(trial, reason=words.waiting(found))))


def _taken_back(ledger: r.GalleryLedger, trial: r.Trial, found: Weighed, now: datetime) -> Decided | None:
    """A promotion that people's verdicts speak against is taken back."""
    left = tuple(ref for ref in current(ledger) if ref.trial_id != trial.trial_id)
    if found.worst[1] >= 0 or found.against == 0:
        return None
    ruling = Ruling(cause="LABEL", reason=words.taken_back(found), at=now)
    move = Move(
        event=r.GalleryEvent.UNDONE,
        references=left,
        encoder=ledger.steps[0].encoder,
        key=f"{trial.trial_id}|{version(ledger)}",
        trial_id=trial.trial_id,
        weighed=found,
    )
    ledger = rulings.put(ledger, replace(trial, state=r.TrialState.REFUSED, reason=ruling.reason))
    return Decided(ledger=moved(ledger, move, ruling), moved=True)


def _presentable(ledger: r.GalleryLedger, trial: r.Trial, found: Weighed) -> bool:
    """Whether people should see a look: several intact items, from different totes, and deliveries where known."""
    lots = {m.lot_id for m in trial.members}
    return (
        found.items >= (PROPOSED_ITEMS if confirmed(ledger) else FIRST_ITEMS)
        and found.totes >= PROPOSED_TOTES
        and (len(lots) > 1 or lots == {None})
        and _looks_intact(trial.members)
    )


def _proposed(ledger: r.GalleryLedger, trial: r.Trial, found: Weighed, now: datetime) -> Decided:
    """Tells people of a look. The first ones of a product without references are used at once, unconfirmed."""
    first = not confirmed(ledger)
    ruling = Ruling(cause="EVIDENCE", reason=(words.first if first else words.proposed)(found), at=now)
    trial = replace(trial, state=r.TrialState.PROPOSED, reason=ruling.reason)
    ledger = rulings.put(ledger, trial)
    if not first:
        change = rulings.told(ledger, trial, r.GalleryEvent.PROPOSED, ruling)
        return Decided(ledger=ledger, changes=(change,))
    encoder = rulings.encoder_of(trial)
    chosen, copies = rulings.kept(ledger, trial, now)
    others = current(ledger) if ledger.steps and ledger.steps[0].encoder == encoder else ()
    move = Move(
        event=r.GalleryEvent.PROPOSED,
        references=trimmed((*others, *chosen), MOST, ledger.unmatched),
        encoder=encoder,
        key=f"{trial.trial_id}",
        confirmed=False,
        trial_id=trial.trial_id,
        weighed=found,
    )
    return Decided(ledger=moved(ledger, move, ruling), copies=copies, moved=True)


def _looks_intact(members: Sequence[r.Sighting]) -> bool:
    """Whether hardly any item looks damaged, short or like another product, and people found none so."""
    bad = sum(
        m.damaged >= SAYS or m.missing_unit >= SAYS or m.rival is not None or m.verdict is r.Verdict.DAMAGED
        for m in members
    )
    return 4 * bad <= len(members)


def _matched(ledger: r.GalleryLedger, sighting: r.Sighting, now: datetime) -> Decided | None:
    """Counts which look an item matches, while there are several; one that none matches any more is retired."""
    matched = next((ref for ref in current(ledger) if ref.reference_id == sighting.reference_id), None)
    if sighting.fit is not r.Fit.SAME or matched is None or not ledger.unmatched:
        return None
    mine = look_of(matched)
    unmatched = {look: 0 if look == mine else n + 1 for look, n in ledger.unmatched.items()}
    ledger = replace(
        ledger, unmatched=unmatched, matched_at={**ledger.matched_at, mine: sighting.captured_at}
    )
    if matched.trial_id is not None:
        ledger = rulings.seen_in(ledger, [sighting.lot_id])
    for look, items in unmatched.items():
        since = sighting.captured_at - ledger.matched_at[look]
        if items >= RETIRED_ITEMS and since >= RETIRED_AFTER:
            reason = words.unmatched(look, items, since)
            return rulings.retired(ledger, look, Ruling(cause="EVIDENCE", reason=reason, at=now))
    return Decided(ledger=ledger)
