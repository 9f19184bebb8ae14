"""What the comparison knows of a picture, cell by cell: the first blocks of the ImageNet trunk, never trained here."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from triton_models.network import Trunk

SIDE: Final = 256
"""Pixels on a side of a picture."""
CELLS: Final = 32
"""Cells on a side of the maps."""
CHANNELS: Final = 67
"""40 at 1/8, 24 at 1/4, three colours."""
_FINE: Final = 3
_BLOCKS: Final = 5


class Description(nn.Module):
    """A picture's cells, by blocks that are never trained here."""

    def __init__(self) -> None:
        """With the ImageNet weights of their package."""
        super().__init__()
        trunk: Any = Trunk(whole=False)
        self.stem = trunk.stem
        self.blocks = nn.ModuleList(list(trunk.blocks)[:_BLOCKS])
        for weight in self.parameters():
            weight.requires_grad = False

    def forward(self, pixels: Tensor) -> Tensor:
        """(n, 256, 256, 3) uint8 to (n, 67, 32, 32)."""
        colours = (pixels.permute(0, 3, 1, 2).float() - 127.0) / 128.0
        x = self.stem(colours)
        fine = x
        for count, block in enumerate(self.blocks, start=1):
            x = block(x)
            if count == _FINE:
                fine = x
        return torch.cat([x, functional.avg_pool2d(fine, 2), functional.avg_pool2d(colours, 8)], dim=1)


def write(path: Path) -> None:
    """The description as ONNX: PIXELS (n, 256, 256, 3) uint8 to MAPS (n, 67, 32, 32)."""
    part = path.with_suffix(".part")
    torch.onnx.export(
        Description().eval(),
        (torch.zeros(2, SIDE, SIDE, 3, dtype=torch.uint8),),
        part,
        input_names=["PIXELS"],
        output_names=["MAPS"],
        dynamic_shapes=({0: torch.export.Dim("rows", min=1, max=64)},),
        opset_version=18,
        dynamo=True,
        external_data=False,
    )
    part.replace(path)
