"""Which items bear on a gallery."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from services.gallery.sightings import Limits, fit_of, sightings
from services.kernel import records as r
from tests.samples import ENCODER, assessment, comparison, labelled, outcome, subject, uid


def compared(
    changed: float = -3.0, missing: float = -3.0, mismatch: float = -3.0, **given: Any
) -> r.Comparison:
    return comparison(
        **{
            "changed_logit": changed,
            "missing_logit": missing,
            "mismatch_logit": mismatch,
            "inliers": 30,
            "image": 0,
            "reference_id": uid("reference"),
            **given,
        }
    )


def lost() -> r.Comparison:
    return compared(inliers=0, changed_logit=None, missing_logit=None, mismatch_logit=None, reference_id=None)


def gallery(*trials: str | None, confirmed: bool = True) -> r.Gallery:
    references = tuple(
        r.Reference(
            reference_id=uid(f"reference {k}"),
            features_key="",
            embedding=b"",
            enrolled_at=subject().captured_at,
            trial_id=UUID(int=hash(name) % 2**64) if name else None,
        )
        for k, name in enumerate(trials)
    )
    return r.Gallery(product_id="P1", version=1, encoder=ENCODER, references=references, confirmed=confirmed)


def seen(galleries: dict[str, r.Gallery] | None = None, **given: Any) -> list[r.Sighting]:
    given.setdefault("comparison", compared())
    given.setdefault("versions", {"model.gallery_encoder": ENCODER})
    known = {"P1": gallery(None)} if galleries is None else galleries
    return sightings(assessment(**given), known.get, Limits())


@pytest.mark.parametrize(
    ("found", "fit"),
    [
        (None, r.Fit.UNSEEN),
        (compared(), r.Fit.SAME),
        (compared(changed=2.0), r.Fit.CHANGED),
        (compared(missing=2.0), r.Fit.CHANGED),
        (compared(changed=2.0, mismatch=2.0), r.Fit.OTHER),
        (lost(), r.Fit.OTHER),
        (comparison(foreign=1.9), r.Fit.SAME),
    ],
    ids=[
        "no references",
        "same",
        "something new",
        "something gone",
        "another print",
        "not found again",
        "distances",
    ],
)
def test_how_an_item_looks_follows_from_the_comparison(found: r.Comparison | None, fit: r.Fit) -> None:
    assert fit_of(found, Limits()) is fit


def test_an_item_that_matches_its_references_says_nothing() -> None:
    assert seen() == []


def test_while_there_are_several_looks_it_says_which_one_it_matches() -> None:
    (found,) = seen({"P1": gallery(None, "a new design")})
    assert (found.fit, found.reference_id) == (r.Fit.SAME, uid("reference"))


def test_an_item_with_another_print_says_so_with_all_that_it_will_be_weighed_by() -> None:
    (found,) = seen(comparison=lost(), subject=subject(tote_id="T", lot_id="D"), revision=4)
    assert (found.product_id, found.fit, found.tote_id, found.lot_id) == ("P1", r.Fit.OTHER, "T", "D")
    assert (found.revision, found.rival, found.verdict, found.encoder) == (4, None, None, ENCODER)


@pytest.mark.parametrize(
    "galleries", [{}, {"P1": gallery(None, confirmed=False)}], ids=["none", "unconfirmed"]
)
def test_of_a_product_without_confirmed_references_every_item_is_looked_at(
    galleries: dict[str, r.Gallery],
) -> None:
    (found,) = seen(galleries, comparison=None)
    assert found.fit is r.Fit.UNSEEN


def test_one_that_could_not_be_held_against_references_that_are_there_says_nothing() -> None:
    assert seen(comparison=None) == []


def test_a_wrong_barcode_is_told_to_the_product_that_it_names() -> None:
    (found,) = seen(product_id="P2", scanned_product_id="P1")
    assert (found.product_id, found.rival, found.fit) == ("P1", "P2", r.Fit.UNSEEN)


def test_a_picture_of_no_known_product_under_a_barcode_is_another_print() -> None:
    (found,) = seen(product_id=None, product=None, comparison=None, scanned_product_id="P1")
    assert (found.product_id, found.rival, found.fit) == ("P1", None, r.Fit.OTHER)


def test_a_product_that_the_picture_fits_better_is_a_rival() -> None:
    candidates = (r.Candidate(product_id="P2", confidence=0.6), r.Candidate(product_id="P1", confidence=0.4))
    (found,) = seen(candidates=candidates)
    assert found.rival == "P2"
    assert seen(candidates=candidates[::-1][:1]) == []


def test_a_persons_verdict_is_told_even_of_an_item_that_matches() -> None:
    found = sightings(
        labelled(
            verdict=r.Verdict.DAMAGED, comparison=compared(), previous=outcome(), defect_types=("spillage",)
        ),
        {"P1": gallery(None)}.get,
        Limits(),
    )
    assert [(s.verdict, s.verdict_types) for s in found] == [(r.Verdict.DAMAGED, ("spillage",))]


def test_a_verdict_that_people_differ_on_counts_as_none() -> None:
    (found,) = sightings(
        labelled(comparison=compared(), previous=outcome(), disputed=True),
        {"P1": gallery(None)}.get,
        Limits(),
    )
    assert found.verdict is None


def test_a_person_who_names_another_product_tells_the_one_it_was_taken_for() -> None:
    made = labelled(product_id="P2", comparison=lost(), previous=outcome(product_id="P1"))
    (found,) = sightings(made, {"P1": gallery(None), "P2": gallery(None)}.get, Limits())
    assert (found.product_id, found.rival, found.verdict) == ("P1", "P2", r.Verdict.INTACT)


def test_an_item_of_no_product_and_no_barcode_says_nothing() -> None:
    assert seen(product_id=None, product=None, comparison=None) == []


def test_the_models_own_thresholds_count_where_they_ship(tmp_path: Path) -> None:
    file = tmp_path / "thresholds.json"
    assert Limits.shipped(file) == Limits()
    file.write_text('{"build": "x", "changed": 1.5, "missing": 2.5, "mismatch": -1.0}')
    assert Limits.shipped(file) == Limits(changed=1.5, missing=2.5, mismatch=-1.0)
    assert fit_of(compared(changed=1.0), Limits.shipped(file)) is r.Fit.SAME
    assert fit_of(compared(mismatch=-0.5), Limits.shipped(file)) is r.Fit.OTHER
