"""Trains the gallery's encoder: `python -m triton_models.train_encoder --kaputt ROOT --out DIR`.

The ImageNet trunk is frozen. A projection of what is pooled from it learns that all pictures of one product, damaged or
not, from whatever side, belong together and apart from all others', the other flavours of its family above all. It is
chosen on products that it has not seen. Features of pictures are kept in DIR, so a stopped run goes on; what is left
there is for `export_encoder`. Needs the packages of requirements-train.txt.
"""

# ruff: noqa: T201 - a command line prints
from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from triton_models import kaputt
from triton_models.encoder import SIDE, Projection, described, patched
from triton_models.network import Trunk
from triton_models.serving import serving_module

Floats = npt.NDArray[np.float32]

SEED: Final = 5
WIDTH: Final = 256
PATCH: Final = 64
_CHUNK: Final = 128  # pictures whose features are one file
_MOST: Final = 12  # pictures of captures of one product that take part
_PRODUCTS: Final = 64  # in a batch
_EACH: Final = 4  # pictures of each of them
_WARMTH: Final = 0.07  # temperature of the contrast
_STEPS: Final = 1500
_MEASURED: Final = 250  # steps between two measurements
_DROPPED: Final = 0.15  # share of features that are left out in training


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A picture, the product that it shows, and the capture that it belongs to; a reference belongs to none."""

    path: Path
    product: str
    capture: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """Pictures as the trunk sees them.

    Attributes:
        pooled: (n, d) float32.
        patches: (m, 112) float32 of some of the pictures.
        product: (n,) product ids.
        capture: (n,) capture ids; empty for references.
    """

    pooled: Floats
    patches: Floats
    product: npt.NDArray[np.str_]
    capture: npt.NDArray[np.str_]


def pictures(root: Path, split: str) -> list[Shown]:
    """All reference pictures of a split, and at most twelve pictures of captures of each product, in a fixed order."""
    loaded = kaputt.load(root, split)
    found = [
        Shown(path=reference.reference_image, product=product, capture=None)
        for product, references in sorted(loaded.references_by_item.items())
        for reference in references
    ]
    taken: dict[str, int] = {}
    for query in sorted(loaded.queries, key=lambda query: query.capture_id):
        views = [view for view in (query.query_image, query.side_image) if view is not None]
        taken[query.item_identifier] = taken.get(query.item_identifier, 0) + len(views)
        if taken[query.item_identifier] <= _MOST:
            found += [
                Shown(path=view, product=query.item_identifier, capture=query.capture_id) for view in views
            ]
    return found


def features(shown: Sequence[Shown], folder: Path) -> Features:
    """What the trunk says of the pictures; made if `folder` does not hold it yet."""
    folder.mkdir(parents=True, exist_ok=True)
    trunk = Trunk(whole=False).to(memory_format=torch.channels_last)
    parts = []
    for start in range(0, len(shown), _CHUNK):
        part = shown[start : start + _CHUNK]
        kept = folder / f"{start:06d}.npz"
        names = np.array([str(one.path) for one in part])
        if not (kept.is_file() and np.array_equal(np.load(kept)["names"], names)):
            pooled, patches = _looked_at(trunk, part)
            fresh = kept.with_suffix(".part.npz")
            np.savez(fresh, names=names, pooled=pooled, patches=patches)
            fresh.rename(kept)
            print(f"{folder.name}: {start + len(part)} of {len(shown)} pictures looked at", flush=True)
        with np.load(kept) as arrays:
            parts.append((arrays["pooled"], arrays["patches"]))
    return Features(
        pooled=np.concatenate([pooled for pooled, _ in parts]),
        patches=np.concatenate([patches for _, patches in parts]),
        product=np.array([one.product for one in shown]),
        capture=np.array([one.capture or "" for one in shown]),
    )


def _looked_at(trunk: nn.Module, shown: Sequence[Shown]) -> tuple[Floats, Floats]:
    framing: Any = serving_module("decode", "framing")
    pooled, patches = [], []
    for at, one in enumerate(shown):
        picture = cv2.cvtColor(cv2.imread(str(one.path), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        pixels = framing.cropped(picture, framing.box(picture), SIDE)
        with torch.inference_mode():
            maps = trunk(torch.from_numpy(pixels)[None])
            pooled.append(described(maps)[0].numpy())
            if at % 5 == 0:
                patches.append(patched(maps)[0].numpy())
    return np.stack(pooled), np.concatenate(patches)


def principal(samples: Floats, keep: int, *, power: float) -> tuple[Floats, Floats]:
    """Mean (d,) and axes (d, keep) of greatest variance; each axis divided by its deviation to the `power`."""
    mean = samples.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov((samples - mean).T.astype(np.float64)))
    best = np.argsort(values)[::-1][:keep]
    axes = vectors[:, best] / np.sqrt(values[best] + 1e-6) ** power
    return mean.astype(np.float32), axes.astype(np.float32)


def recalls(embed: Projection, asked: Features, enrolled: Sequence[Features]) -> dict[str, float]:
    """R@1 and R@5 of the captures of `asked` among the references of all `enrolled`, by picture and by capture."""
    with torch.inference_mode():
        gallery = [embed(torch.from_numpy(one.pooled[one.capture == ""])).numpy() for one in enrolled]
        queries = embed(torch.from_numpy(asked.pooled)).numpy()
    names = np.concatenate([one.product[one.capture == ""] for one in enrolled])
    products, owner = np.unique(names, return_inverse=True)
    found: dict[str, float] = {}
    captures, where = np.unique(asked.capture, return_inverse=True)
    summed = np.zeros((len(captures), queries.shape[1]), np.float32)
    np.add.at(summed, where, queries)
    summed /= np.linalg.norm(summed, axis=1, keepdims=True)
    of_capture = np.array([asked.product[where == at][0] for at in range(len(captures))])
    shown = asked.capture != ""
    for name, rows, truth in (
        ("picture", queries[shown], asked.product[shown]),
        ("capture", summed[captures != ""], of_capture[captures != ""]),
    ):
        likeness = rows @ np.concatenate(gallery).T
        best = np.full((len(rows), len(products)), -1.0, np.float32)
        for at, product in enumerate(owner):
            best[:, product] = np.maximum(best[:, product], likeness[:, at])
        right = np.searchsorted(products, truth)
        rank = (best > best[np.arange(len(rows)), right][:, None]).sum(1)
        found |= {f"{name}_r_at_1": float((rank < 1).mean()), f"{name}_r_at_5": float((rank < 5).mean())}
    return found


def contrast(embedded: Tensor, product: Tensor) -> Tensor:
    """Supervised contrastive loss (Khosla et al., 2020) of (n, k) embeddings of length 1."""
    n = len(embedded)
    likeness = embedded @ embedded.T / _WARMTH - 1e9 * torch.eye(n)
    same = (product[:, None] == product[None]) & ~torch.eye(n, dtype=torch.bool)
    logs = likeness - torch.logsumexp(likeness, dim=1, keepdim=True)
    return -(logs * same).sum(1).div(same.sum(1).clamp(min=1)).mean()


def batches(product: npt.NDArray[np.str_], rng: np.random.Generator) -> Iterator[npt.NDArray[np.intp]]:
    """Rows of so many products, so many pictures of each, for ever."""
    rows = [np.flatnonzero(product == name) for name in np.unique(product)]
    while True:
        chosen = rng.choice(len(rows), min(_PRODUCTS, len(rows)), replace=False)
        yield np.concatenate([rng.choice(rows[at], _EACH, replace=len(rows[at]) < _EACH) for at in chosen])


def fitted(train: Features, validation: Features) -> tuple[Projection, dict[str, Any]]:
    """The projection, of all steps the one that knew unseen products best; and how it came about.

    Args:
        train: Its products are learnt from.
        validation: Its products choose.
    """
    torch.manual_seed(SEED)
    start, axes = principal(train.pooled, WIDTH, power=0.75)
    mean, spread = torch.from_numpy(start), torch.from_numpy(train.pooled.std(0) + 1e-4)
    rows = (torch.from_numpy(train.pooled) - mean) / spread
    matrix = nn.Parameter(torch.from_numpy(axes) * spread[:, None])
    matrix.data /= float((rows @ matrix.detach()).norm(dim=1).mean())
    optimiser = torch.optim.AdamW([matrix], lr=3e-4, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, _STEPS)
    _, products = np.unique(train.product, return_inverse=True)
    given = batches(train.product, np.random.default_rng(SEED))
    told, best, chosen = [], -1.0, None
    for step in range(_STEPS + 1):
        if step % _MEASURED == 0:
            now = Projection(mean=mean, matrix=matrix.detach() / spread[:, None])
            told.append(
                {"step": step}
                | {k: round(v, 4) for k, v in recalls(now, validation, (train, validation)).items()}
            )
            print(told[-1], flush=True)
            if told[-1]["capture_r_at_1"] > best:
                best, chosen = told[-1]["capture_r_at_1"], now
        at = next(given)
        x = functional.dropout(rows[at], _DROPPED)
        loss = contrast(functional.normalize(x @ matrix, dim=1), torch.from_numpy(products[at]))
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        schedule.step()
    if chosen is None:
        raise RuntimeError("nothing was measured")
    return chosen, {"steps": told, "capture_r_at_1": best}


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kaputt", type=Path, required=True, help="a data set in Kaputt's format")
    parser.add_argument("--out", type=Path, required=True, help="folder for what is kept between runs")
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)
    train, validation = (
        features(pictures(asked.kaputt, split), asked.out / split) for split in ("train", "validation")
    )
    embed, told = fitted(train, validation)
    report = {
        "seed": SEED,
        "train": {"pictures": len(train.product), "products": len(np.unique(train.product))},
        "validation": {"pictures": len(validation.product), "products": len(np.unique(validation.product))},
        **told,
    }
    mean, axes = principal(train.patches, PATCH, power=0.5)
    parts = {
        "embedding": {"mean": embed.mean, "matrix": embed.matrix},
        "patches": {"mean": torch.from_numpy(mean), "matrix": torch.from_numpy(axes)},
    }
    torch.save(parts, asked.out / "trained.pt")
    (asked.out / "report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
