"""Noise with structure at many sizes, which is what wear, crumples and puddles are made of."""

import cv2
import numpy as np

from triton_models.simulator.things import Floats, Random


def fractal(
    rng: Random, shape: tuple[int, int], octaves: int, *, coarse: int = 4, fade: float = 0.5
) -> Floats:
    """(H, W) float32 of mean 0 and standard deviation 1.

    Args:
        rng: Draws it.
        shape: Height and width.
        octaves: How many sizes, each half the one before.
        coarse: Cells of the largest size along the shorter side.
        fade: How much weaker each next size is.
    """
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        cells = coarse * 2**octave
        small = rng.standard_normal((cells + 3, cells + 3)).astype(np.float32)
        total += cv2.resize(small, shape[::-1], interpolation=cv2.INTER_CUBIC) * np.float32(fade**octave)
    return ((total - total.mean()) / max(float(total.std()), 1e-6)).astype(np.float32)
