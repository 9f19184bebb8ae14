"""The gallery comparison, in torch: one small network that looks at two pictures of which one is laid over the other.

Little of it is learned, so that it works on prints that nobody has seen before: cells are described by the first blocks
of an ImageNet trunk, and matched as they are. What a registration leaves over (soft packs, rims, perspective) is
forgiven by looking for each cell's like one cell around, in both directions: what the capture has and the reference has
not near there is foreign; what the reference has and the capture has not is missing. Which differences matter is what
the head learns.
"""

from __future__ import annotations

from typing import Final, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from triton_models.description import CELLS, CHANNELS, Description

FACTS: Final = 6
OUTPUTS: Final = ("changed", "missing", "mismatch")
MATCHED: Final = 4 * CHANNELS + 5
"""Channels of two matched descriptions."""
_HIDDEN: Final = 48
_REACH: Final = 1
_SHARP: Final = 10.0
_STRONGEST: Final = 6
_NOWHERE: Final = -6.0
_RARE: Final = -3.0


class Matching(nn.Module):
    """Two descriptions, each cell beside its like in the other picture; nothing in it is learned but the scales."""

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        """Scales of one; `fit` finds those of the data."""
        super().__init__()
        self.register_buffer("mean", torch.zeros(CHANNELS))
        self.register_buffer("deviation", torch.ones(CHANNELS))

    def fit(self, mean: Tensor, deviation: Tensor) -> None:
        """(67,) each: of the descriptions' channels."""
        self.mean.copy_(mean)
        self.deviation.copy_(deviation)

    def forward(self, query: Tensor, reference: Tensor, valid: Tensor) -> Tensor:
        """(n, 67, 32, 32) twice and (n, 2, 32, 32) to (n, 273, 32, 32)."""
        scale = self.deviation[None, :, None, None]
        one, other = (
            ((part - self.mean[None, :, None, None]) / scale).clamp(-5, 5) for part in (query, reference)
        )
        keys = [functional.normalize(part, dim=1) for part in (one, other)]
        back, forth = _likest(keys[0], keys[1], other), _likest(keys[1], keys[0], one)
        straight = (keys[0] * keys[1]).sum(1, keepdim=True)
        parts = [
            one,
            other,
            (one - back[0]).abs(),
            (other - forth[0]).abs(),
            back[1],
            forth[1],
            straight,
            valid,
        ]
        return torch.cat(parts, dim=1)


def _likest(key: Tensor, others: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """What lies around in the other picture that is most like each cell, and how like."""
    grown, worth = (functional.pad(part, [_REACH] * 4, mode="replicate") for part in (others, values))
    likeness = torch.cat([(key * part).sum(1, keepdim=True) for part in _shifts(grown)], dim=1)
    weight = torch.softmax(likeness * _SHARP, dim=1)
    found = torch.zeros_like(values)
    for place, part in enumerate(_shifts(worth)):
        found = found + part * weight[:, place : place + 1]
    return found, likeness.amax(dim=1, keepdim=True)


def _shifts(grown: Tensor) -> list[Tensor]:
    span = range(2 * _REACH + 1)
    return [grown[:, :, down : down + CELLS, right : right + CELLS] for down in span for right in span]


class Head(nn.Module):
    """Matched descriptions to maps and scores; all that is trained."""

    def __init__(self) -> None:
        """Random weights."""
        super().__init__()
        self.join = nn.Conv2d(MATCHED, _HIDDEN, 1)
        self.near = nn.ModuleList(_near(spread) for spread in (1, 2))
        self.where = nn.Conv2d(_HIDDEN, 2, 1)
        # Most cells are as they should be: that need not be learned first.
        nn.init.constant_(self.where.bias, _RARE)
        self.judge = nn.Sequential(
            nn.Linear(2 * _HIDDEN + 4 + FACTS, 48), nn.ReLU(), nn.Dropout(0.15), nn.Linear(48, len(OUTPUTS))
        )
        self.direct = nn.Parameter(torch.tensor([1.0, 1.0]))

    def forward(self, matched: Tensor, valid: Tensor, facts: Tensor) -> tuple[Tensor, Tensor]:
        """Logits.

        Args:
            matched: (n, 273, 32, 32) of `Matching`.
            valid: (n, 2, 32, 32) share of each cell that can be compared, how many features agree there.
            facts: (n, 6), see `aligning.FACTS`.

        Returns:
            (n, 3): changed, missing, mismatch; (n, 2, 32, 32): where something is foreign, where missing.
        """
        there = valid[:, :1]
        x = functional.relu(self.join(matched))
        for part in self.near:
            x = x + part(x)
        inside = self.where(x) * there + _NOWHERE * (1 - there)
        strongest = inside.flatten(2).topk(_STRONGEST, dim=2).values
        share = there.sum(dim=(2, 3)).clamp(min=1.0)
        seen = [(x * there).sum(dim=(2, 3)) / share, (x * there).amax(dim=(2, 3))]
        tops = torch.cat([strongest.mean(dim=2), strongest[:, :, 0]], dim=1)
        scores = self.judge(torch.cat([*seen, tops, facts], dim=1))
        lifted = functional.pad(strongest.mean(dim=2) * self.direct, (0, 1))
        return scores + lifted, inside


def _near(spread: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(_HIDDEN, _HIDDEN, 3, padding=spread, dilation=spread, groups=_HIDDEN),
        nn.Conv2d(_HIDDEN, _HIDDEN, 1),
        nn.ReLU(),
        nn.Dropout2d(0.05),
        nn.Conv2d(_HIDDEN, _HIDDEN, 1),
    )


class Comparer(nn.Module):
    """What is served: one picture of a capture against n references laid over it."""

    def __init__(self, matching: Matching, head: Head) -> None:
        """Both as trained."""
        super().__init__()
        self.description = Description()
        self.matching = matching
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
        matched = self.matching(own, maps[1:], valid)
        scores, where = cast("tuple[Tensor, Tensor]", self.head(matched, valid, facts))
        return scores, functional.max_pool2d(where, 2)
