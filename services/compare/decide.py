"""Patch nearest neighbours between a capture and its product's references, both ways.

Cameras of a booth are fixed, so patches are compared camera by camera. Both directions look at the few worst patches,
since damage covers few of them. Method: nearest neighbours of patch features as in PatchCore (Roth et al., 2022), over
the product's own references instead of a training set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

#: How many of the worst patches of a capture are averaged.
WORST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Cosine distances in [0, 2]; heat: (images, patches) uint8, 255 = a distance of 1; references: how many fitted."""

    foreign: float
    missing: float
    references: int
    heat: npt.NDArray[np.uint8]


def difference(
    query: npt.NDArray[np.float16], references: Sequence[npt.NDArray[np.float16]]
) -> Difference | None:
    """Compare patch embeddings (images, patches, d) of a capture with those of its references.

    References with another number of images are left out; None when none is left. A reference may itself be
    damaged: content is foreign only if no reference has it, and missing only if the most similar reference has it.
    """
    fitting = [r.astype(np.float32) for r in references if r.shape == query.shape]
    if not fitting:
        return None
    q = query.astype(np.float32)
    # similarities[k]: (images, query patches, reference patches)
    similarities = [q @ r.transpose(0, 2, 1) for r in fitting]
    to_gallery = 1.0 - np.max([s.max(axis=2) for s in similarities], axis=0)
    back = [float(_worst(1.0 - s.max(axis=1))) for s in similarities]
    heat = np.clip(to_gallery * 255.0, 0, 255).astype(np.uint8)
    return Difference(foreign=_worst(to_gallery), missing=min(back), references=len(fitting), heat=heat)


def _worst(distances: npt.NDArray[np.float32]) -> float:
    flat = distances.ravel()
    return float(np.partition(flat, -WORST)[-WORST:].mean())
