"""What a capture's images say together. Values in, values out."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from services.kernel import records as r
from services.kernel.faults import DataFault
from services.kernel.sight import pooled_chances

if TYPE_CHECKING:
    import numpy.typing as npt

#: Order of the classifier's outputs.
SCORES = (
    "damaged", "major", "deformation", "actuation", "deconstruction",
    "penetration", "superficial", "spillage", "missing_unit",
)  # fmt: skip


def seen(images: tuple[r.Image, ...]) -> list[tuple[r.Image, r.Image | None]]:
    """The colour images that the models look at, in the order of their features, each with its camera's depth image."""
    deep = {i.camera: i for i in images if i.role is r.ImageRole.DEPTH}
    return [(i, deep.get(i.camera)) for i in images if i.role is r.ImageRole.RGB]


def checked(image: r.Image, data: bytes) -> bytes:
    """The bytes of an image, if they are the ones that the station stored.

    Raises:
        DataFault: another length or another SHA-256 than the event says.
    """
    if len(data) != image.size or hashlib.sha256(data).hexdigest() != image.sha256:
        found = f"{len(data)} bytes, {image.size} expected, or another SHA-256"
        msg = f"{image.key} is not what the station stored ({found})"
        raise DataFault("checksum", msg)
    return data


def pooled_scores(damage: npt.NDArray[np.float32]) -> r.Scores:
    """One set of scores for a capture from (images, 9)."""
    return r.Scores(**{name: float(p) for name, p in zip(SCORES, pooled_chances(damage), strict=True)})


def pooled_matter(matter: npt.NDArray[np.float32]) -> r.Matter:
    """What lies beside the item, from (images, 5), as the image says it that is surest of it."""
    logit, lightness, a, b, share = (float(v) for v in matter[int(matter[:, 0].argmax())])
    return r.Matter(logit=logit, lightness=lightness, a=a, b=b, share=share)
