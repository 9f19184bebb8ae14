"""Which references a product has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.kernel import records as r
from services.kernel.model_versions import encoder_of

if TYPE_CHECKING:
    from datetime import datetime

#: References per product; Kaputt has up to three, more cost comparison time for little.
MOST = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """A product's references as the encoder of a capture sees them, and the version of its list, 0 when it has none."""

    known: r.Gallery | None
    version: int


def enrolled(before: Before, inspection: r.Inspection, features_key: str, now: datetime) -> r.Gallery | None:
    """The product's next whole list, None when this capture is in it already.

    A list holds embeddings of one encoder version: a capture seen by another version goes on from the list as that
    version sees it, and begins a new one where there is none.
    """
    capture_id = inspection.subject.capture_id
    kept = before.known.references if before.known is not None else ()
    if any(ref.reference_id == capture_id for ref in kept):
        return None
    reference = r.Reference(
        reference_id=capture_id, features_key=features_key, embedding=inspection.embedding, enrolled_at=now
    )
    return r.Gallery(
        product_id=str(inspection.subject.enrol_product_id),
        version=before.version + 1,
        encoder=encoder_of(inspection.versions),
        references=(*kept, reference)[-MOST:],
    )


def file_name(image: r.Image) -> str:
    """What the copy of a reference's image is called; no two images of a capture have the same name."""
    kind = "jpg" if image.media_type == "image/jpeg" else "png"
    return f"{image.camera}-{image.role.lower()}-{image.sha256[:16]}.{kind}"
