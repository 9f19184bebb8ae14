"""Why it was judged so, in one sentence for a person."""

from __future__ import annotations

from services.assess.fusion import is_there
from services.assess.tolerance import Evidence, Judgement
from services.kernel import records as r
from services.kernel.odds import said
from services.kernel.policies import MISSING, named

#: Whose it is, by where it was found: the later, the dearer.
_FOUND_AT = {
    r.Stage.RECEIVE: "found at receive, so it is the supplier's to answer for",
    r.Stage.STOW: "found at stow, before anybody ordered it",
    r.Stage.PICK: "found at pick, with time to pick another unit",
    r.Stage.SORT: "found at sort, with its order under way",
    r.Stage.PACK: "found at pack, where it is promised to a customer",
    r.Stage.SHIP: "found at ship, the last look before the customer",
}
_HARMED = {"packaging": " (packaging that is thrown away)", "product": " (the product itself)"}


def found(*, damaged: bool, severity: r.Severity, types: tuple[str, ...]) -> str:
    """What it is: intact, damaged, or a set that is not whole."""
    if not damaged:
        return "intact"
    if types == (MISSING,):
        return "an incomplete set, otherwise undamaged"
    whole = ", and incomplete" if MISSING in types else ""
    others = ", ".join(t.replace("_", " ") for t in types if t != MISSING)
    return f"damaged, {severity.lower()}{f' ({others})' if others else ''}{whole}"


def why(
    evidence: Evidence, judged: Judgement, subject: r.Subject, product: r.ProductFacts | None, *, gift: bool
) -> str:
    """The sentence of a judgement."""
    parts = [_numbers(evidence, judged.policy, damaged=judged.damaged)]
    if judged.damaged:
        parts += _damage(evidence, judged, subject, product, gift=gift)
    if beside := _beside(evidence):
        parts.append(beside)
    if product is None:
        parts.append("the product is unknown, so a person should look")
    return "; ".join(parts) + "."


def barcode(result: r.InspectionResult) -> str:
    """What is wrong with the barcode, as a sentence of its own; empty where nothing is."""
    match result.barcode_check:
        case r.BarcodeCheck.WRONG:
            return f" It carries the barcode of {result.scanned_product_id} and is {result.product_id}: relabel it."
        case r.BarcodeCheck.DOUBTED:
            return f" It carries the barcode of {result.scanned_product_id} and does not look like it."
        case r.BarcodeCheck.UNKNOWN:
            return f" No product of the catalogue has the barcode {result.subject.barcode} that it carries."
        case _:
            return ""


def _numbers(evidence: Evidence, policy: r.Policy, *, damaged: bool) -> str:
    held = "above" if damaged else "below"
    if (c := evidence.comparison) is None:
        compared = ", no confirmed references to compare with"
    elif c.inliers == 0:
        compared = f"; none of {c.references} references could be laid over it"
    else:
        compared = f"; against {c.references} references: foreign {c.foreign:.2f}, missing {c.missing:.2f}"
    return (
        f"Damage probability {said(evidence.probability)} is {held} the {said(policy.judge_at)} of policy "
        f"{named(policy)} (classifier {evidence.scores.damaged:.2f}{compared})"
    )


def _beside(evidence: Evidence) -> str:
    if evidence.foreign_matter:
        apart = evidence.foreignness
        how = "nothing that spills" if apart is None else f"other contents, colour distance {apart:.0f}"
        return (
            f"something lies beside it that is not its own (it holds {how}): not this item's damage, so look into "
            "its tote"
        )
    if evidence.own_matter and evidence.contents is not None:
        return f"its own contents ({evidence.contents.kind}) lie beside it, so it leaks"
    if is_there(evidence.matter):
        return "something lies beside it, and whose it is the catalogue does not say"
    return ""


def _damage(
    evidence: Evidence, judged: Judgement, subject: r.Subject, product: r.ProductFacts | None, *, gift: bool
) -> list[str]:
    parts = [found(damaged=True, severity=judged.severity, types=judged.types)]
    if judged.incomplete and product is not None:
        missing = evidence.units_missing
        parts.append(f"units are missing from a set of {product.unit_count} (chance {missing:.2f})")
    if judged.tolerated:
        parts.append(f"tolerated: {judged.policy.reason}{_HARMED.get(judged.policy.harms, '')}")
        return parts
    if judged.hindrance:
        parts.append(f"not tolerated, since {judged.hindrance}")
    where = _FOUND_AT[subject.stage] + (", as a gift" if gift else "")
    if judged.miss_cost_cents is not None:
        where += f"; a miss here would cost about {judged.miss_cost_cents / 100:.2f}"
    parts.append(where)
    return parts
