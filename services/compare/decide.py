"""Which references a capture is held against, and what the comparison says in an event. Values in, values out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from services.kernel import records as r
from services.kernel.features import Features, unpack_embedding

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from services.kernel.sight import Difference


def most_alike(
    embeddings: npt.NDArray[np.float32], references: Sequence[r.Reference], most: int
) -> list[r.Reference]:
    """The references that look most like any of the capture's images, the best first.

    Items lie on one side or another, and so do references: the likeness decides, not the order of enrolment.

    Args:
        embeddings: (images, d), of the capture.
        references: Of one encoder version with it.
        most: How many at most.
    """
    kept = [unpack_embedding(one.embedding) for one in references]
    alike = (embeddings @ np.stack(kept).T).max(axis=0)
    return [references[k] for k in np.argsort(-alike, kind="stable")[:most]]


def best_crop(embeddings: npt.NDArray[np.float32], reference: Features) -> bytes:
    """The picture of a reference that looks most like any of the capture's images."""
    alike = (embeddings @ reference.embeddings.T).max(axis=0)
    return reference.crops[int(alike.argmax())]


def comparison(found: Difference, held: Sequence[r.Reference], gallery_version: int) -> r.Comparison:
    """What an event says of it. Without inliers nothing could be compared; then it says which gallery was tried."""
    compared = found.inliers > 0
    return r.Comparison(
        foreign=_chance(found.changed) if compared else 0.0,
        missing=_chance(found.missing) if compared else 0.0,
        references=len(held),
        gallery_version=gallery_version,
        heat=_shades(found.heat) if compared else b"",
        changed_logit=found.changed if compared else None,
        missing_logit=found.missing if compared else None,
        mismatch_logit=found.mismatch if compared else None,
        inliers=found.inliers,
        image=found.query if compared else None,
        reference_id=held[found.reference].reference_id if compared else None,
    )


def _shades(logits: npt.NDArray[np.float16]) -> bytes:
    """Chances as uint8, 255 = 1.0."""
    chances = 1.0 / (1.0 + np.exp(-np.clip(logits.astype(np.float32), -30, 30)))
    return bytes(np.round(chances * 255).astype(np.uint8).tobytes())


def _chance(logit: float) -> float:
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, logit))))
