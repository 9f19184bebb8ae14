"""Pulls and verdicts become labelled outcomes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from services.kernel import records as r
from services.kernel.thresholds import product_group, threshold_key


def outcome_key(command: r.SidelineCommand) -> str:
    """Key of calibration.outcomes: an item may be pulled at several stages."""
    return f"{command.item_id}|{command.stage}"


def row_key(found: r.LabelledOutcome) -> str:
    """The same of an outcome."""
    return f"{found.item_id}|{found.stage}"


def outcome(old: r.LabelledOutcome | None, command: r.SidelineCommand) -> r.LabelledOutcome | None:
    """What is known of an item's pull and label after a command; None if that is nothing new.

    A pull and the verdict about it meet here, in whatever order and however often they come: the newest pull counts,
    with the newest verdict after it. The first account of a pull stays: it is the one that was acted on. A pull of
    unknown probability (an older release's) teaches nothing.
    """
    known = old or _unknown(command)
    found = _judged(known, command) if command.verdict is not None else _pulled(known, command)
    return None if found == old or found == _unknown(command) else found


def _unknown(command: r.SidelineCommand) -> r.LabelledOutcome:
    return r.LabelledOutcome(
        item_id=command.item_id,
        revision=0,
        center_id=command.center_id,
        stage=command.stage,
        group=product_group(command.product),
        probability=0.0,
        damaged=False,
        weight=0.0,
        labelled=False,
    )


def _judged(known: r.LabelledOutcome, command: r.SidelineCommand) -> r.LabelledOutcome:
    if command.revision <= known.revision or command.revision <= known.pulled_revision:
        return known
    damaged = command.verdict is r.Verdict.DAMAGED
    return replace(known, revision=command.revision, damaged=damaged, labelled=True)


def _pulled(known: r.LabelledOutcome, command: r.SidelineCommand) -> r.LabelledOutcome:
    if command.labelling is None or command.revision <= known.pulled_revision:
        return known
    pulled = replace(
        known,
        # The group as it was when the threshold was chosen: a person may find another product in the picture.
        group=product_group(command.product),
        probability=command.labelling.score,
        weight=weight(command.labelling),
        pulled_revision=command.revision,
        labelling=command.labelling,
    )
    if command.revision < known.revision:
        return pulled
    return replace(pulled, revision=0, damaged=False, labelled=False)


def weight(labelling: r.Labelling) -> float:
    """Items that a labelled one stands for, as events carry it: a restart finds the very same number."""
    return float(np.float32(1.0 / labelling.probability))


def complete(found: r.LabelledOutcome | None) -> bool:
    """Whether an outcome is evidence: labelled, and pulled with a known probability."""
    return found is not None and found.labelled and found.labelling is not None


def key_of(found: r.LabelledOutcome) -> str:
    """Key of the threshold that an outcome teaches about."""
    return threshold_key(found.center_id, found.stage, found.group)
