"""Which references a product has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.kernel import records as r

if TYPE_CHECKING:
    from datetime import datetime

#: References per product; Kaputt has up to three, more cost comparison time for little.
MOST = 6


def enrolled(
    known: r.Gallery | None, inspection: r.Inspection, features_key: str, now: datetime
) -> r.Gallery | None:
    """The product's next whole list, None when this capture is in it already.

    A list holds embeddings of one encoder version: a capture seen by another version begins a new list.
    """
    product_id = str(inspection.subject.enrol_product_id)
    encoder = inspection.versions["model.gallery_encoder"]
    kept = known.references if known is not None and known.encoder == encoder else ()
    capture_id = inspection.subject.capture_id
    if any(ref.reference_id == capture_id for ref in kept):
        return None
    reference = r.Reference(
        reference_id=capture_id, features_key=features_key, embedding=inspection.embedding, enrolled_at=now
    )
    return r.Gallery(
        product_id=product_id,
        version=known.version + 1 if known else 1,
        encoder=encoder,
        references=(*kept, reference)[-MOST:],
    )


def file_name(image: r.Image) -> str:
    """What the copy of a reference's image is called; no two images of a capture have the same name."""
    kind = "jpg" if image.media_type == "image/jpeg" else "png"
    return f"{image.camera}-{image.role.lower()}-{image.sha256[:16]}.{kind}"
