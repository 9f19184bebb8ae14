from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from services.identify import decide
from services.identify.decide import AGREE, AHEAD, OVERRULE, PRIOR_AGREE, SETTLED, UNSEEN
from services.identify.weighing import Weighing, shipped
from services.kernel import records as r
from services.kernel.features import pack_embedding
from services.kernel.verification import EVIDENCE
from tests.samples import ENCODER, NOON, uid
from triton_models.mmid_evidence import NAMES

BARCODE, MANIFEST, SEARCH, NONE = r.IdentityMethod  # in the order of the schema
SURE = AGREE + 0.2


def unit(angle: float) -> npt.NDArray[np.float32]:
    return np.array([np.cos(angle), np.sin(angle)], np.float32)


def gallery(*angles: float, encoder: str = ENCODER) -> r.Gallery:
    references = tuple(
        r.Reference(
            reference_id=uid(str(a)),
            features_key=f"f/{a}",
            embedding=pack_embedding(unit(a)),
            enrolled_at=NOON,
        )
        for a in angles
    )
    return r.Gallery(product_id="P1", version=1, encoder=encoder, references=references)


def test_similarity_is_that_to_the_most_similar_reference() -> None:
    similar = decide.similarity(unit(0.0), gallery(1.0, 0.5, 2.0), ENCODER)
    assert similar == pytest.approx(np.cos(0.5), abs=1e-3)


@pytest.mark.parametrize("nothing", [None, gallery(), gallery(0.0, encoder="2+other")])
def test_no_references_or_those_of_another_encoder_say_nothing(nothing: r.Gallery | None) -> None:
    assert decide.similarity(unit(0.0), nothing, ENCODER) is None


def test_confidence_rises_with_similarity_and_stays_a_probability() -> None:
    values = [decide.confidence(s) for s in (-1.0, 0.0, 0.5, 0.6, 0.7, 0.9, 1.0)]
    assert values == sorted(values)
    assert (values[0], values[-1]) == (0.0, 1.0)
    assert 0 < values[2] < values[3] < 1


def test_a_barcode_that_the_picture_agrees_with_is_believed() -> None:
    found = decide.from_priors(("P1", SURE), [("P1", SURE), ("P2", 0.0)])
    assert found is not None
    assert (found.product_id, found.method) == ("P1", BARCODE)
    assert found.confidence == decide.confidence(SURE)


def test_a_barcode_that_the_picture_agrees_with_half_is_believed_where_nothing_fits_much_better() -> None:
    half = PRIOR_AGREE + 0.01
    found = decide.from_priors(("P1", half), [("P2", half + OVERRULE - 0.01)])
    assert found is not None
    assert (found.product_id, found.method) == ("P1", BARCODE)


def test_a_wrong_barcode_is_overruled_by_a_product_that_the_tote_should_hold() -> None:
    found = decide.from_priors(("P1", 0.0), [("P1", 0.0), ("P2", SURE)])
    assert found is not None
    assert (found.product_id, found.method) == ("P2", MANIFEST)


def test_a_half_agreeing_barcode_is_overruled_by_a_much_more_similar_product() -> None:
    half = PRIOR_AGREE + 0.01
    found = decide.from_priors(("P1", half), [("P2", half + OVERRULE + 0.01)])
    assert found is not None
    assert (found.product_id, found.method) == ("P2", MANIFEST)


def test_a_wrong_barcode_without_a_better_product_in_the_tote_is_searched_for() -> None:
    assert decide.from_priors(("P1", 0.0), [("P1", 0.0), ("P2", 0.1)]) is None
    assert decide.from_priors(("P1", 0.0), []) is None


def test_without_a_barcode_the_manifest_decides() -> None:
    found = decide.from_priors(None, [("P1", 0.1), ("P2", SURE)])
    assert found is not None
    assert (found.product_id, found.method) == ("P2", MANIFEST)


def test_two_equally_similar_products_of_a_manifest_are_not_told_apart_by_chance() -> None:
    assert decide.from_priors(None, [("P1", SURE), ("P2", SURE - 0.01)]) is None


def test_without_barcode_and_manifest_the_catalogue_is_searched() -> None:
    assert decide.from_priors(None, []) is None


def test_a_barcode_whose_product_has_no_references_yet_is_believed_half() -> None:
    found = decide.from_priors(("NEW", None), [("NEW", None), ("P2", 0.1)])
    assert found is not None
    assert (found.product_id, found.method, found.confidence) == ("NEW", BARCODE, UNSEEN)


def test_a_barcode_without_references_yields_to_a_product_that_the_picture_clearly_shows() -> None:
    found = decide.from_priors(("NEW", None), [("NEW", None), ("P2", SURE)])
    assert found is not None
    assert (found.product_id, found.method) == ("P2", MANIFEST)


def test_a_manifest_of_products_without_references_is_searched_for() -> None:
    assert decide.from_priors(None, [("NEW", None)]) is None


def test_search_takes_the_most_similar_product() -> None:
    found = decide.from_search([("P9", SURE), ("P8", SURE - 0.05)])
    assert (found.product_id, found.method, found.confidence) == ("P9", SEARCH, decide.confidence(SURE))
    assert [c.product_id for c in found.candidates] == ["P9", "P8"]


@pytest.mark.parametrize("found", [[], [("P9", AGREE - 0.01)]])
def test_none_of_these_is_an_answer(found: list[tuple[str, float]]) -> None:
    answer = decide.from_search(found)
    assert (answer.product_id, answer.method, answer.confidence) == (None, NONE, 0.0)
    assert [c.product_id for c in answer.candidates] == [p for p, _ in found]


def test_the_five_best_candidates_are_kept_best_first() -> None:
    expected = [(f"P{n}", n / 100) for n in range(9)]
    found = decide.from_priors(("P1", SURE), expected[2:])
    assert found is not None
    assert [c.product_id for c in found.candidates] == ["P1", "P8", "P7", "P6", "P5"]
    assert len(decide.from_search([(f"P{n}", 0.5) for n in range(9)]).candidates) == 5


WEIGHING = Weighing(
    version="1",
    evidence=(1.0, 1.0),
    similarity=10.0,
    constant=2.0,
    lead=-0.5,
    most_lead=4.0,
    doubt=(-1.0, 0.0),
    doubt_similarity=-1.0,
    prior=3.0,
    named=0.5,
)


def test_likeness_alone_settles_what_is_like_and_well_ahead() -> None:
    assert decide.settled([("P1", SETTLED), ("P2", SETTLED - AHEAD - 0.01)])
    assert decide.settled([("P1", SETTLED)])
    assert not decide.settled([("P1", SETTLED), ("P2", SETTLED - AHEAD + 0.01)])
    assert not decide.settled([("P1", SETTLED - 0.01)])
    assert not decide.settled([])


def test_what_is_expected_is_looked_at_closely_whatever_it_looks_like() -> None:
    found = [(f"P{n}", 0.5 - n / 100) for n in range(9)]
    listed = decide.shortlist(found, [("E1", 0.1), ("NEW", None), ("P8", 0.42)])
    assert [product for product, _ in listed] == ["P8", "E1", "P0", "P1", "P2", "P3"]
    assert decide.shortlist([], []) == []


def test_a_product_that_lies_in_the_picture_is_named_with_its_confidence() -> None:
    found = decide.from_evidence([("P1", 0.3), ("P2", 0.31)], {"P1": (4, 1), "P2": (0, 0)}, set(), WEIGHING)
    assert (found.product_id, found.method) == ("P1", SEARCH)
    assert found.confidence == found.candidates[0].confidence > 0.9
    assert [c.product_id for c in found.candidates] == ["P1", "P2"]


def test_products_that_lie_there_alike_share_the_confidence_and_none_is_named() -> None:
    alike = {"P1": (4, 1), "P2": (4, 1), "P3": (4, 1)}
    found = decide.from_evidence([(product, 0.3) for product in alike], alike, set(), WEIGHING)
    assert (found.product_id, found.method, found.confidence) == (None, NONE, 0.0)
    assert [c.confidence for c in found.candidates] == pytest.approx([found.candidates[0].confidence] * 3)
    expected = decide.from_evidence([(product, 0.3) for product in alike], alike, {"P2"}, WEIGHING)
    assert expected.product_id == "P2"


def test_where_nothing_lies_in_the_picture_it_is_none_of_these() -> None:
    found = decide.from_evidence([("P1", 0.1), ("P2", 0.1)], {"P1": (0, 0), "P2": (0, 0)}, set(), WEIGHING)
    assert found.product_id is None
    assert sum(c.confidence for c in found.candidates) < 0.5
    assert decide.from_evidence([("P1", 0.1)], {}, set(), WEIGHING).candidates == ()


def test_a_product_counts_by_its_best_reference() -> None:
    rows = np.array([(1, 0), (0, 3), (2, 0)], np.float32)
    assert decide.strongest(["P1", "P1", "P2"], rows, WEIGHING) == {"P1": [0, 3], "P2": [2, 0]}


def test_only_the_likest_references_of_this_encoder_are_held_against_a_capture() -> None:
    held = decide.held_against(
        unit(0.0), [gallery(1.0, 0.5, 2.0), gallery(0.0, encoder="2+other"), None], ENCODER
    )
    assert [reference.features_key for _, reference in held] == ["f/0.5", "f/1.0"]


def test_the_weights_that_ship_fit_what_triton_answers() -> None:
    weighing = shipped()
    assert len(weighing.evidence) == len(weighing.doubt) == EVIDENCE == len(NAMES)
    assert 0 < weighing.named < 1


@pytest.mark.parametrize(("confirmed", "confidence"), [(True, 1.0), (False, decide.UNSEEN)])
def test_references_that_nobody_has_confirmed_make_no_surer_than_a_barcode(
    *, confirmed: bool, confidence: float
) -> None:
    sure = decide.Identity(product_id="P1", method=r.IdentityMethod.SEARCH, confidence=1.0)
    gallery = r.Gallery(product_id="P1", version=1, encoder="1+abc", confirmed=confirmed)
    assert decide.cautious(sure, gallery).confidence == confidence
    assert decide.cautious(sure, None) == sure
