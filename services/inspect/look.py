"""One round of a capture's images through the models: what the mesh makes of each capture and of each reference."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.inspect import decide
from services.kernel import features
from services.kernel import records as r
from services.kernel.faults import DataFault
from services.kernel.sight import Photo, Sight
from services.kernel.triton import Triton

if TYPE_CHECKING:
    from services.kernel.blobs import Blobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was seen, and as it is kept: `features` for the store, `embedding` for events and the index."""

    sight: Sight
    features: bytes
    embedding: bytes


async def look(capture: r.Capture, blobs: Blobs, triton: Triton) -> Look:
    """Put a capture's images through the models.

    Raises:
        DataFault: there is no colour image, or an image is not what the station stored, or no image.
        DependencyFault: the store or Triton does not answer.
    """
    seen = decide.seen(capture.images)
    if not seen:
        msg = "the capture has no RGB image"
        raise DataFault("no_image", msg)
    sight = await triton.inspect(await asyncio.gather(*(_photo(blobs, *pair) for pair in seen)))
    return Look(
        sight=sight,
        features=features.pack(sight.embedding, sight.crops),
        embedding=features.pack_embedding(features.pooled(sight.embedding)),
    )


async def _photo(blobs: Blobs, colour: r.Image, deep: r.Image | None) -> Photo:
    image = decide.checked(colour, await blobs.get(colour.key))
    depth = b"" if deep is None else decide.checked(deep, await blobs.get(deep.key))
    return Photo(image=image, depth=depth)
