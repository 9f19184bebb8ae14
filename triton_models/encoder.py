"""The gallery's encoder, in torch: what is pooled from the frozen trunk, projected.

Only training and export import this; what serves is the ONNX file.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from triton_models.network import Trunk

SIDE: Final = 256
GEM_POWER: Final = 3.0
_STAGES: Final = ("early", "middle", "late")
"""The last one, of stride 32, was tried too: four times the size, and worse on products that it had not seen."""


def described(maps: dict[str, Tensor]) -> Tensor:
    """What the embedding is projected from, average and generalised mean of three stages: (n, 464)."""
    return torch.cat([pool(maps[name]) for name in _STAGES for pool in (_average, _gem)], dim=1)


def patched(maps: dict[str, Tensor]) -> Tensor:
    """The late map on an 8 x 8 grid, row by row: (n, 64, 112)."""
    return functional.avg_pool2d(maps["late"], 2).flatten(2).transpose(1, 2)


def _average(x: Tensor) -> Tensor:
    return x.mean(dim=(2, 3))


def _gem(x: Tensor) -> Tensor:
    """The generalised mean leans to strong responses. The stages are linear: only what is positive counts."""
    x = x.clamp(min=1e-3)
    return (x * x * x).mean(dim=(2, 3)).pow(1 / GEM_POWER)


class Projection(nn.Module):
    """A fitted affine map, then the unit sphere."""

    mean: Tensor
    matrix: Tensor

    def __init__(self, *, mean: Tensor, matrix: Tensor) -> None:
        """`mean` (d,), `matrix` (d, k)."""
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("matrix", matrix)

    def forward(self, x: Tensor) -> Tensor:
        """(…, d) to (…, k), each of length 1."""
        return functional.normalize((x - self.mean) @ self.matrix, dim=-1, eps=1e-6)


class GalleryEncoder(nn.Module):
    """PIXELS to EMBEDDING, for the mesh, and PATCHES, for `mmid`."""

    def __init__(self, *, embedding: Projection, patches: Projection) -> None:
        """Projections as `train_encoder` fitted them."""
        super().__init__()
        self.trunk = Trunk(whole=False)
        self.embedding = embedding
        self.patches = patches

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """(n, 256, 256, 3) uint8 to (n, 256) and (n, 64, 64), float32."""
        maps = self.trunk(pixels)
        return self.embedding(described(maps)), self.patches(patched(maps))
