"""The gallery comparison, in torch: one small network that looks at two pictures of which one is laid over the other.

The trunk's first blocks keep their ImageNet weights: edges, colours and textures need no learning, and the head must
work on prints that nobody has seen before. What a registration leaves over (soft packs, rims, perspective) is forgiven
by looking for each cell's like one cell around, in both directions: what the capture has and the reference has
not near there is foreign; what the reference has and the capture has not is missing.
"""

from __future__ import annotations

from typing import Final, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from triton_models.description import CELLS, CHANNELS, Description

FACTS: Final = 6
OUTPUTS: Final = ("changed", "missing", "mismatch")
_KEYS: Final = 24
_WIDTH: Final = 32
_HIDDEN: Final = 48
_REACH: Final = 1
_STRONGEST: Final = 6
_NOWHERE: Final = -6.0


class Head(nn.Module):
    """Two descriptions to maps and scores; all that is trained."""

    def __init__(self) -> None:
        """Random weights."""
        super().__init__()
        self.level = nn.BatchNorm2d(CHANNELS, affine=False)
        self.key = nn.Conv2d(CHANNELS, _KEYS, 1)
        self.value = nn.Conv2d(CHANNELS, _WIDTH, 1)
        self.sharp = nn.Parameter(torch.tensor(2.0))
        self.join = nn.Conv2d(4 * _WIDTH + 5, _HIDDEN, 1)
        self.near = nn.ModuleList(_near(spread) for spread in (1, 2))
        self.where = nn.Conv2d(_HIDDEN, 2, 1)
        self.judge = nn.Sequential(
            nn.Linear(2 * _HIDDEN + 4 + FACTS, 48), nn.ReLU(), nn.Dropout(0.15), nn.Linear(48, len(OUTPUTS))
        )
        self.direct = nn.Parameter(torch.tensor([1.0, 1.0]))

    def forward(
        self, query: Tensor, reference: Tensor, valid: Tensor, facts: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Logits.

        Args:
            query: (n, 67, 32, 32) description of the capture.
            reference: (n, 67, 32, 32) of the reference in the capture's frame.
            valid: (n, 2, 32, 32) share of each cell that can be compared, how many features agree there.
            facts: (n, 6), see `aligning.FACTS`.

        Returns:
            (n, 3): changed, missing, mismatch; (n, 2, 32, 32): where something is foreign, where missing.
        """
        there = valid[:, :1]
        both = [self.level(part) for part in (query, reference)]
        keys = [functional.normalize(self.key(part), dim=1) for part in both]
        values = [functional.relu(self.value(part)) for part in both]
        back, forth = (
            self._likest(keys[0], keys[1], values[1]),
            self._likest(keys[1], keys[0], values[0]),
        )
        x = torch.cat(
            [
                values[0],
                values[1],
                (values[0] - back[0]).abs(),
                (values[1] - forth[0]).abs(),
                back[1],
                forth[1],
                (keys[0] * keys[1]).sum(1, keepdim=True),
                valid,
            ],
            dim=1,
        )
        x = functional.relu(self.join(x))
        for part in self.near:
            x = x + part(x)
        maps = self.where(x)
        inside = maps * there + _NOWHERE * (1 - there)
        strongest = inside.flatten(2).topk(_STRONGEST, dim=2).values
        share = there.sum(dim=(2, 3)).clamp(min=1.0)
        seen = [(x * there).sum(dim=(2, 3)) / share, (x * there).amax(dim=(2, 3))]
        tops = torch.cat([strongest.mean(dim=2), strongest[:, :, 0]], dim=1)
        scores = self.judge(torch.cat([*seen, tops, facts], dim=1))
        lifted = functional.pad(strongest.mean(dim=2) * self.direct, (0, 1))
        return scores + lifted, inside

    def _likest(self, key: Tensor, others: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """What lies around in the other picture that is most like each cell, and how like."""
        grown, worth = (functional.pad(part, [_REACH] * 4, mode="replicate") for part in (others, values))
        likeness = torch.cat([(key * part).sum(1, keepdim=True) for part in _shifts(grown)], dim=1)
        weight = torch.softmax(likeness * self.sharp.exp(), dim=1)
        found = torch.zeros_like(values)
        for place, part in enumerate(_shifts(worth)):
            found = found + part * weight[:, place : place + 1]
        return found, likeness.amax(dim=1, keepdim=True)


def _near(spread: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(_HIDDEN, _HIDDEN, 3, padding=spread, dilation=spread, groups=_HIDDEN),
        nn.Conv2d(_HIDDEN, _HIDDEN, 1),
        nn.ReLU(),
        nn.Dropout2d(0.05),
        nn.Conv2d(_HIDDEN, _HIDDEN, 1),
    )


def _shifts(grown: Tensor) -> list[Tensor]:
    span = range(2 * _REACH + 1)
    return [grown[:, :, down : down + CELLS, right : right + CELLS] for down in span for right in span]


class Comparer(nn.Module):
    """What is served: one picture of a capture against n references laid over it."""

    def __init__(self, head: Head) -> None:
        """`head` as trained."""
        super().__init__()
        self.description = Description()
        self.head = head

    def forward(
        self, query: Tensor, reference: Tensor, valid: Tensor, facts: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Logits.

        Args:
            query: (1, 256, 256, 3) uint8.
            reference: (n, 256, 256, 3) uint8.
            valid: (n, 2, 32, 32).
            facts: (n, 6).

        Returns:
            (n, 3) and (n, 2, 16, 16).
        """
        maps = self.description(torch.cat([query, reference], dim=0))
        own = maps[:1].expand(reference.shape[0], -1, -1, -1)
        scores, where = cast("tuple[Tensor, Tensor]", self.head(own, maps[1:], valid, facts))
        return scores, functional.max_pool2d(where, 2)
