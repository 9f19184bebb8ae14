"""Rates of rare damage with their uncertainty: few items must not make a scandal.

A product's share of damaged items is Beta distributed a priori, with the mean of its category at that stage and a
weight in items: what was seen of the category counts like `weight` items of the product itself. With d of n items
damaged the posterior is Beta(mean * weight + d, (1 - mean) * weight + n - d) (empirical Bayes; Morris 1983).

The weight is estimated by the method of moments for the beta-binomial (Kleinman 1973): how much more the products of
a category differ than chance alone makes them differ. It is held within [`LIGHTEST`, `HEAVIEST`] items, and is
`USUAL` until a category has `ENOUGH_PRODUCTS` products and `ENOUGH_DAMAGED` damaged items at the stage. The mean of a
small category is itself drawn towards the mean of its stage, by `BORROWED` items, and that to `BASE_RATE`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LIGHTEST = 50.0
HEAVIEST = 20_000.0
USUAL = 1_000.0
ENOUGH_PRODUCTS = 5
ENOUGH_DAMAGED = 10
BORROWED = 1_000.0
#: Damaged items among all, before anything was seen.
BASE_RATE = 1e-3
#: A share of a type that nobody has seen yet is not 0, and never above 1.
_LEAST = 1e-7

_POINTS = 256
_TAIL = 6.0  # standard deviations
_DECADES = 12.0  # e-folds of an exponential tail


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """What is believed of a product before its own items: mean share, its weight in items, and the share by type."""

    mean: float
    weight: float
    by_type: Mapping[str, float] = field(default_factory=dict)

    def shape(self, damaged: int, items: int, kind: str | None = None) -> tuple[float, float]:
        """The two parameters of the posterior Beta, of all damage or of one type."""
        mean = self.mean if kind is None else self.by_type.get(kind, _LEAST)
        # A correction may come before what it corrects: a count can be below zero for a moment.
        n = max(items, 0)
        d = min(max(damaged, 0), n)
        return mean * self.weight + d, (1 - mean) * self.weight + n - d


@dataclass(slots=True)
class Group:
    """Sums over the products of one category and stage; updated by one product's change in constant time."""

    products: int = 0
    items: int = 0
    damaged: int = 0
    squares: float = 0.0
    ratios: float = 0.0
    by_type: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def change(self, items: int, damaged: int, sign: int) -> None:
        """Add (+1) or take back (-1) one product's items and damaged items."""
        if items <= 0:
            return
        damaged = min(max(damaged, 0), items)
        self.products += sign
        self.items += sign * items
        self.damaged += sign * damaged
        self.squares += sign * float(items) ** 2
        self.ratios += sign * damaged**2 / items


def prior(group: Group, stage: Group) -> Prior:
    """The prior of a category at a stage; `stage` holds the sums over all categories there."""
    base = (stage.damaged + BASE_RATE * BORROWED) / (stage.items + BORROWED)
    mean = _inside((group.damaged + base * BORROWED) / (group.items + BORROWED))
    shares = {
        kind: _inside(
            (group.by_type.get(kind, 0) + n / max(stage.items, 1) * BORROWED) / (group.items + BORROWED)
        )
        for kind, n in stage.by_type.items()
    }
    return Prior(mean=mean, weight=weight(group), by_type=shares)


def _inside(share: float) -> float:
    return min(max(share, _LEAST), 1 - _LEAST)


def weight(group: Group) -> float:
    """Items that the category's experience counts for, by the method of moments (Kleinman 1973, weights n)."""
    k, n, d = group.products, group.items, group.damaged
    if k < ENOUGH_PRODUCTS or d < ENOUGH_DAMAGED or d >= n:
        return USUAL
    mean = d / n
    spread = (group.ratios - n * mean**2) / (mean * (1 - mean))  # k - 1 when all products are alike
    room = n - group.squares / n - (k - 1)
    if room <= 0:
        return USUAL
    correlation = (spread - (k - 1)) / room
    if correlation <= 0:
        return HEAVIEST
    return min(max(1 / correlation - 1, LIGHTEST), HEAVIEST)


def intervals(shapes: Sequence[tuple[float, float]], level: float = 0.95) -> Floats:
    """The equal-tailed credible interval of each Beta(a, b), as rows (lower, upper).

    All at once on a grid of the logit: there the density is smooth and falls off exponentially, so that the trapezoid
    rule works also for a below 1, where the share's own density has a pole;
    bounds are within 1 % of themselves for a >= 0.2.
    """
    if not shapes:
        return np.zeros((0, 2))
    a, b = np.array(shapes, dtype=np.float64).T
    grid, density = _on_logits(a, b)
    mass = np.cumsum((density[:, 1:] + density[:, :-1]) / 2, axis=1)
    mass = np.concatenate([np.zeros((len(a), 1)), mass / mass[:, -1:]], axis=1)
    tail = (1 - level) / 2
    found = [[np.interp(u, m, t) for u in (tail, 1 - tail)] for m, t in zip(mass, grid, strict=True)]
    return np.asarray(1 / (1 + np.exp(-np.clip(found, -700, 700))), dtype=np.float64)


def _on_logits(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    middle = np.log(a) - np.log(b)
    width = np.sqrt(1 / a + 1 / b)
    low = middle - _TAIL * width - _DECADES / a
    high = middle + _TAIL * width + _DECADES / b
    grid = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, _POINTS)[None, :]
    return grid, _density(grid, a[:, None], b[:, None])


def _density(logit: Floats, a: Any, b: Any) -> Floats:  # noqa: ANN401 (numbers or columns of them)
    """Density of the logit, largest at 1."""
    log = -a * np.logaddexp(0, -logit) - b * np.logaddexp(0, logit)
    middle = np.log(a) - np.log(b)
    return np.asarray(np.exp(log + a * np.logaddexp(0, -middle) + b * np.logaddexp(0, middle)), np.float64)


def probability_greater(one: tuple[float, float], other: tuple[float, float]) -> float:
    """P(X > Y) of X ~ Beta(*one) and Y ~ Beta(*other), independent; by the trapezoid rule on both grids."""
    shapes = np.array([one, other])
    grids, _ = _on_logits(shapes[:, 0], shapes[:, 1])
    grid = np.sort(grids.ravel())
    step = np.diff(grid)
    x, y = (_density(grid, a, b) for a, b in shapes)
    below = np.concatenate([[0.0], np.cumsum((y[1:] + y[:-1]) / 2 * step)])
    both = x * below
    over = float(np.sum((both[1:] + both[:-1]) / 2 * step))
    return min(max(over / (float(np.sum((x[1:] + x[:-1]) / 2 * step)) * float(below[-1])), 0.0), 1.0)
