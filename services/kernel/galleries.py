"""Each product's references, in the embedding of one encoder or of another.

`gallery.references` says which references a product has, as one encoder saw them. Before another encoder serves, and
for as long as one may go back, the same references stand in `gallery.encodings` as the other one sees them. Whoever
compares asks by encoder, and embeddings of two encoders never meet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.kernel import records as r

if TYPE_CHECKING:
    from services.kernel.service import Service
    from services.kernel.views import View

LISTS: Final = "gallery.references"
ENCODINGS: Final = "gallery.encodings"


def encoding_key(product_id: str, encoder: str) -> str:
    """Key of gallery.encodings."""
    return f"{product_id}|{encoder}"


class Galleries:
    """A service's view of both topics."""

    def __init__(self, service: Service) -> None:
        self.lists: View[r.Gallery] = service.view(LISTS)
        self.encodings: View[r.Gallery] = service.view(ENCODINGS)

    def of(self, product_id: str | None, encoder: str) -> r.Gallery | None:
        """A product's references as this encoder sees them; None when there are none."""
        if product_id is None:
            return None
        listed = self.lists.get(product_id)
        if listed is not None and listed.encoder == encoder:
            return listed
        return self.encodings.get(encoding_key(product_id, encoder))

    def row(self, product_id: str, encoder: str) -> tuple[str, str]:
        """What `of` read, as events name a row: its key in `versions`, and its version."""
        listed = self.lists.get(product_id)
        other = encoding_key(product_id, encoder)
        if (listed is not None and listed.encoder == encoder) or self.encodings.get(other) is None:
            return f"row.{LISTS}", self.lists.version(product_id)
        return f"row.{ENCODINGS}", self.encodings.version(other)
