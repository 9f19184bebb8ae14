"""The damage classifier, in torch: an ImageNet trunk, a map of where the damage is, and what follows for the picture.

The simulated station knows the exact pixels of every damage, so the network learns from a map of 16 x 16 cells and not
only from one bit per picture; the picture's scores are made of the map's strongest cells and of what the whole looks
like. Depth, where there is any, joins at the map, and is left out at random in training, so that a capture without
depth is nothing new.
"""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from triton_models.network import OUTPUTS, Trunk

SIDE: Final = 256
"""Pixels on a side of what the network looks at."""
CELLS: Final = SIDE // 16
LAYERS: Final = 8
"""Channels of the map: Kaputt's seven types, then matter that lies beside the item, whosever it is."""
SHIPPED: Final = "efficientnet_lite0"
"""The backbone whose weights a package carries."""
_WIDTH: Final = 96
_STRONGEST: Final = 4


class Lite(nn.Module):
    """EfficientNet-Lite0 as a backbone: three maps of growing depth."""

    widths: tuple[int, int, int] = (40, 112, 1280)

    def __init__(self) -> None:
        """With the ImageNet weights of its package."""
        super().__init__()
        self.trunk = Trunk(whole=True)

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """(n, H, W, 3) uint8 to maps at 1/8, 1/16 and 1/32."""
        maps = self.trunk(pixels)
        return [maps["early"], maps["late"], maps["last"]]

    def first(self) -> list[nn.Module]:
        """What sees edges and colours: needs no training on two cores."""
        return [self.trunk.stem, *list(self.trunk.blocks)[:5]]


class Timm(nn.Module):
    """Any backbone of `timm` by its name, for those who have its weights and a GPU."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, name: str, *, pretrained: bool) -> None:
        """`pretrained` fetches weights over the network, or from timm's cache."""
        super().__init__()
        import timm  # noqa: PLC0415 - only where it is asked for

        self.net: Any = timm.create_model(name, pretrained=pretrained, features_only=True)
        reductions = self.net.feature_info.reduction()
        # The maps nearest to 1/8, 1/16 and 1/32; a plain ViT has one size of map, at several depths.
        if len(set(reductions)) == 1:
            self._taken = [len(reductions) // 3, 2 * len(reductions) // 3, len(reductions) - 1]
        else:
            self._taken = [
                min(range(len(reductions)), key=lambda k: (abs(reductions[k] - wanted), -k))
                for wanted in (8, 16, 32)
            ]
        channels = self.net.feature_info.channels()
        self.widths = tuple(channels[k] for k in self._taken)
        config = timm.data.resolve_model_data_config(self.net)
        fixed = getattr(timm.get_pretrained_cfg(name), "fixed_input_size", False)
        self._side = int(config["input_size"][-1]) if fixed else SIDE
        self.register_buffer("mean", torch.tensor(config["mean"]).view(1, 3, 1, 1) * 255)
        self.register_buffer("deviation", torch.tensor(config["std"]).view(1, 3, 1, 1) * 255)

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """(n, H, W, 3) uint8 to three maps."""
        x = (pixels.permute(0, 3, 1, 2).float() - self.mean) / self.deviation
        if x.shape[-1] != self._side:
            x = functional.interpolate(x, size=(self._side, self._side), mode="bilinear", antialias=True)
        maps = self.net(x)
        return [maps[k] for k in self._taken]

    def first(self) -> list[nn.Module]:
        """A backbone of one's own choice is trained whole."""
        return []


def backbone(name: str = SHIPPED, *, pretrained: bool = True) -> nn.Module:
    """The shipped backbone, or timm's of that name."""
    return Lite() if name == SHIPPED else Timm(name, pretrained=pretrained)


class Detector(nn.Module):
    """PIXELS and HEIGHT to scores and map."""

    def __init__(self, trunk: Any = None) -> None:  # noqa: ANN401 - any module with `widths`
        """`trunk` as `backbone` makes it; None is the shipped one."""
        super().__init__()
        self.trunk = Lite() if trunk is None else trunk
        early, late, last = self.trunk.widths
        self.height = nn.Sequential(
            nn.Conv2d(2, 24, 3, stride=2, padding=1),
            nn.ReLU6(inplace=True),
            nn.Conv2d(24, 48, 3, stride=2, padding=1),
            nn.ReLU6(inplace=True),
            nn.Conv2d(48, _WIDTH, 1),
        )
        self.from_early = nn.Conv2d(early, _WIDTH, 3, stride=2, padding=1)
        self.from_late = nn.Conv2d(late, _WIDTH, 1)
        self.from_last = nn.Conv2d(last, _WIDTH, 1)
        self.mix = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1, groups=_WIDTH),
            nn.Conv2d(_WIDTH, _WIDTH, 1),
            nn.ReLU(),
            nn.Dropout2d(0.1),
            nn.Conv2d(_WIDTH, LAYERS, 1),
        )
        self.whole = nn.Sequential(nn.Dropout(0.25), nn.Linear(2 * last, 96), nn.ReLU(), nn.Dropout(0.1))
        self.judge = nn.Linear(96 + 2 * LAYERS, OUTPUTS)

    def forward(self, pixels: Tensor, height: Tensor) -> tuple[Tensor, Tensor]:
        """Logits.

        Args:
            pixels: (n, 256, 256, 3) uint8 RGB.
            height: (n, 64, 64) float32, metres above the tray; all zero where there is no depth.

        Returns:
            (n, 9): damaged, major, the seven types; (n, 8, 16, 16): the map.
        """
        early, late, last = self.trunk(pixels)
        known = (height.abs().amax(dim=(1, 2)) > 0).to(height.dtype)[:, None, None, None]
        raised = (
            self.height(torch.cat([height[:, None] * 10.0, torch.ones_like(height)[:, None]], dim=1)) * known
        )
        deep = functional.interpolate(self.from_last(last), size=(CELLS, CELLS), mode="nearest")
        where: Tensor = self.mix(
            _sized(self.from_early(early)) + _sized(self.from_late(late)) + deep + raised
        )
        strongest = where.flatten(2).topk(_STRONGEST, dim=2).values
        seen = torch.cat([last.mean(dim=(2, 3)), last.amax(dim=(2, 3))], dim=1)
        facts = torch.cat([self.whole(seen), strongest.mean(dim=2), strongest[:, :, 0]], dim=1)
        return self.judge(facts), where


def _sized(x: Tensor) -> Tensor:
    """Backbones with other strides are brought to the map's own grid."""
    if x.shape[-1] == CELLS:
        return x
    return functional.interpolate(x, size=(CELLS, CELLS), mode="bilinear", antialias=True)
