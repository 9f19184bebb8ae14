"""How much of a reference's look is somewhere in a picture, patch by patch: the first, rough likeness.

The gallery's encoder describes a picture by 8 x 8 patches. Each patch of the reference looks for its best match in
several cuts of the query, upright and turned: what stands around the item, and how it is held, then matters little.
A patch that many references have (white carton) says little, and weighs little.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime

from triton_models.registration import Floats, Picture

Encoder: TypeAlias = Callable[[Picture], Floats]

SIDE: Final = 256
PATCHES: Final = 64
"""Of a picture, 8 x 8."""
_NETWORK: Final = Path(__file__).parent / "repository" / "gallery_encoder" / "1" / "gallery_encoder.onnx"
# Share of the shorter side that is cut out of the middle, and turn in degrees: an item is held or laid aslant.
_CUTS: Final = ((0.75, 0.0), (0.55, 0.0), (0.65, -25.0), (0.65, 25.0))
_LIKE: Final = 5  # references that make a patch ordinary


@cache
def encoder(network: Path = _NETWORK) -> Encoder:
    """The encoder, on one thread: (N, 256, 256, 3) uint8 RGB in, (N, 64, 64) float32 patches of length 1 out."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])

    def encode(pixels: Picture) -> Floats:
        return np.asarray(session.run(["PATCHES"], {"PIXELS": pixels})[0], np.float32)

    return encode


def query_patches(picture: Picture, encode: Encoder) -> Floats:
    """Patches (256, 64) of the cuts of a query's picture (H, W, 3)."""
    cuts = np.stack([_cut(picture, share, turn) for share, turn in _CUTS])
    return np.asarray(encode(cuts).reshape(-1, 64), np.float32)


def reference_patches(picture: Picture, mask: npt.NDArray[np.bool_], encode: Encoder) -> Floats:
    """Patches (64, 64) of what `mask` (H, W) shows of a reference, stretched to a square."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    whole = not rows.size
    tight = picture if whole else picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.asarray(encode(_square(tight)[None])[0], np.float32)


def rarity(patches: Floats, *, sample: int = 256) -> Floats:
    """Weight of each patch (R, 64) of references (R, 64, 64): 1 less its likeness to other references.

    Compared with `sample` references, drawn the same each time; the likest few decide.
    """
    count = len(patches)
    drawn = np.sort(np.random.default_rng(0).permutation(count)[:sample])
    weights = np.ones(patches.shape[:2], np.float32)
    for row in range(count):
        others = patches[drawn[drawn != row]]
        if len(others):
            likeness = (others.reshape(-1, 64) @ patches[row].T).reshape(len(others), PATCHES, PATCHES).max(1)
            top = np.sort(likeness, axis=0)[-_LIKE:]
            weights[row] = np.maximum(1 - top.mean(0), 0.01)
    return weights


def likeness(query: Floats, references: Floats | npt.NDArray[np.float16], weights: Floats) -> Floats:
    """How like each reference the query is.

    Args:
        query: (Q, 64), of `query_patches`.
        references: (R, 64, 64), float16 or float32.
        weights: (R, 64), of `rarity`.

    Returns:
        (R,) at most 1: the weighted mean over a reference's patches of the cosine to the likest of the query's.
    """
    found = np.empty(len(references), np.float32)
    for start in range(0, len(references), 64):
        part = references[start : start + 64].astype(np.float32)
        best = (part.reshape(-1, 64) @ query.T).max(1).reshape(part.shape[:2])
        weight = weights[start : start + 64].astype(np.float32)
        found[start : start + 64] = (best * weight).sum(1) / weight.sum(1)
    return found


def _cut(picture: Picture, share: float, turn: float) -> Picture:
    height, width = picture.shape[:2]
    factor = SIDE / (min(height, width) * share)
    move = np.asarray(cv2.getRotationMatrix2D((width / 2, height / 2), turn, factor), np.float64)
    move[:, 2] += (SIDE / 2 - width / 2, SIDE / 2 - height / 2)
    soft = cv2.GaussianBlur(picture, (0, 0), 0.45 / factor) if factor < 0.9 else picture
    cut = cv2.warpAffine(soft, move, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(cut, np.uint8)


def _square(picture: Picture) -> Picture:
    small = picture.shape[0] < SIDE
    scaled = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR if small else cv2.INTER_AREA)
    return np.asarray(scaled, np.uint8)
