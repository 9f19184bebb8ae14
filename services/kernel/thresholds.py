"""What thresholds are kept by: `calibrate` writes calibration.thresholds under these keys, `sideline` reads them."""

from __future__ import annotations

from services.kernel import records as r


def product_group(product: r.ProductFacts | None) -> str:
    """The product group that thresholds are kept for: the catalogue category."""
    return product.category if product is not None else "unknown"


def threshold_key(center_id: str, stage: r.Stage, group: str) -> str:
    """Key of calibration.thresholds."""
    return f"{center_id}|{stage}|{group}"


def key_for(assessment: r.Assessment) -> str:
    """Key of the threshold that an assessment is held against."""
    subject = assessment.subject
    return threshold_key(subject.center_id, subject.stage, product_group(assessment.product))
