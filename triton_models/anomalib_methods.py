"""What a user would pick instead: anomalib's PatchCore and AnomalyDINO, on the backbone that the mesh uses.

    intact eval methods --kaputt ROOT --out DIR

Anomalib 2 trains one model for one product. Here every item is a product of its own with a few pictures, so its torch
models are used directly: the backbone is loaded once, and only the memory bank changes from item to item. What a bank
is made of and how a picture is scored is anomalib's code; AnomalyDINO is given the shipped backbone's map in place of
DINOv2's tokens, and knows the item by the data set's mask where the original guesses it.
"""

# ruff: noqa: T201 - a command line prints
from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
from anomalib.models.components import KCenterGreedy
from anomalib.models.image.anomaly_dino.torch_model import AnomalyDINOModel, AnomalyMapGenerator
from anomalib.models.image.patchcore.torch_model import PatchcoreModel
from numpy.typing import NDArray
from torch import Tensor, nn

from triton_models.detector import SIDE
from triton_models.eval_damage import evaluate
from triton_models.eval_run import Verdict
from triton_models.kaputt import Query, Reference
from triton_models.model_card import HEADLINES, Report
from triton_models.network import Trunk
from triton_models.plots import bars
from triton_models.record_pictures import item_pixels

_LAYERS: Final = ("trunk.blocks.4", "trunk.blocks.10")
"""An eighth and a sixteenth of the picture's side, as layer2 and layer3 of the paper's ResNet."""
_STRIDE: Final = 16
_KEPT: Final = 256
"""Memory banks kept, since captures of one item follow each other."""
_OF_ITEM: Final = 0.25
"""Share of a patch that the item must cover for the patch to count as the item's."""


class Seen(nn.Module):
    """The shipped trunk as anomalib calls a backbone."""

    def __init__(self) -> None:
        """With its ImageNet weights."""
        super().__init__()
        self.trunk = Trunk(whole=False).eval()

    def forward(self, pixels: Tensor) -> Tensor:
        """(n, 3, H, W) in 0 to 255 to (n, 112, H / 16, W / 16)."""
        return self.trunk(pixels.permute(0, 2, 3, 1))["late"]


class PatchCore:
    """Anomalib's PatchCore: distance of the farthest patch to a thinned bank of the references' patches."""

    def __init__(self, *, coreset_share: float = 0.1) -> None:
        """`coreset_share` of the references' patches is kept; 0.1 is anomalib's default."""
        self._share = coreset_share
        self._model = PatchcoreModel(layers=_LAYERS, backbone=Seen(), pre_trained=False).eval()
        self._bank: Callable[[tuple[Reference, ...]], Tensor] = lru_cache(maxsize=_KEPT)(self._learn)

    def predict(self, query: Query, references: tuple[Reference, ...]) -> Verdict:
        """The model's raw score s, as s / (1 + s): the order is what is measured. Without references it is 0."""
        if not references:
            return Verdict(damage=0.0)
        self._model.memory_bank = self._bank(references)
        with torch.inference_mode():
            found = self._model(_tensor([item_pixels(query)[0]]))
        return _verdict(found.pred_score)

    def _learn(self, references: tuple[Reference, ...]) -> Tensor:
        # The flag of the outer module alone: the backbone inside must stay in evaluation mode.
        self._model.training = True
        self._model.memory_bank = torch.empty(0)
        with torch.no_grad():
            embedding = self._model(_tensor([item_pixels(one)[0] for one in references]))
        self._model.embedding_store.clear()
        self._model.training = False
        if self._share == 1:
            return embedding  # to choose all of them one by one takes seconds of CPU for every product
        with redirect_stderr(StringIO()):  # anomalib draws a progress bar for every bank
            bank: Tensor = KCenterGreedy(embedding=embedding, sampling_ratio=self._share).sample_coreset()
        return bank


class _Dino(AnomalyDINOModel):
    """Anomalib's model with another encoder than its own: its constructor would fetch DINOv2's weights."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.num_neighbours, self.patch_size, self.masking, self.coreset_subsampling = 1, _STRIDE, True, False
        self.encoder = Seen()
        self.covered = np.ones((1, 0), np.bool_)
        self.register_buffer("memory_bank", torch.empty(0))
        self.embedding_store: list[Tensor] = []
        self.anomaly_map_generator = AnomalyMapGenerator()

    def extract_features(self, image_tensor: Tensor) -> Tensor:
        """(n, patches, 112)."""
        return self.encoder(image_tensor).flatten(2).transpose(1, 2)

    def compute_background_masks(self, *_: Any, **__: Any) -> NDArray[np.bool_]:  # noqa: ANN401 - anomalib's
        """(1, patches): what the data set says is the item."""
        return self.covered


class AnomalyDino:
    """AnomalyDINO: the mean of the highest 1 % of cosine distances of the item's patches; references turned too."""

    def __init__(self, *, rotations: int = 8) -> None:
        """Each reference is also turned, by this many equal steps in all (the paper's 8)."""
        self._rotations = rotations
        self._model = _Dino().eval()
        self._bank: Callable[[tuple[Reference, ...]], Tensor] = lru_cache(maxsize=_KEPT)(self._learn)

    def predict(self, query: Query, references: tuple[Reference, ...]) -> Verdict:
        """As `PatchCore.predict`."""
        if not references:
            return Verdict(damage=0.0)
        self._model.memory_bank = self._bank(references)
        return _verdict(self._look(*item_pixels(query)).pred_score)

    def _learn(self, references: tuple[Reference, ...]) -> Tensor:
        self._model.training = True
        for picture, mask in map(item_pixels, references):
            for step in range(self._rotations):
                self._look(*_turned(picture, mask, 360 * step / self._rotations))
        self._model.fit()
        self._model.training = False
        return self._model.memory_bank

    def _look(self, picture: NDArray[np.uint8], mask: NDArray[np.bool_]) -> Any:  # noqa: ANN401 - anomalib's
        cells = SIDE // _STRIDE
        share = cv2.resize(mask.astype(np.float32), (cells, cells), interpolation=cv2.INTER_AREA)
        covered = share.reshape(1, -1) >= _OF_ITEM
        self._model.covered = covered if covered.any() else np.ones_like(covered)
        with torch.inference_mode():
            return self._model(_tensor([picture]))


METHODS: Final[dict[str, Callable[[], PatchCore | AnomalyDino]]] = {
    "PatchCore, coreset 10 %": PatchCore,
    "PatchCore, all patches": lambda: PatchCore(coreset_share=1.0),
    "AnomalyDINO": AnomalyDino,
}


def compare(root: Path, out: Path, *, split: str = "test", plots: bool = True) -> dict[str, Report]:
    """Measure every method on one split; each run can be interrupted and goes on.

    Args:
        root: Data set in Kaputt's format.
        out: Folder of predictions, reports and the plot `methods.png`.
        split: To measure on.
        plots: Also draw each method's own plots, in folders below `out`.

    Returns:
        Reports by method.
    """
    reports: dict[str, Report] = {}
    for name, method in METHODS.items():
        stem = "".join(letter if letter.isalnum() else "_" for letter in name.lower())
        reports[name] = evaluate(
            root, split, predictor=method(), method=name,
            predictions=out / f"{stem}.csv", report=out / f"{stem}.json", plots=out / stem if plots else None,
        )  # fmt: skip
    bars(out / "methods.png", {name: _bars(report) for name, report in reports.items()}, labels=HEADLINES)
    return reports


def _bars(report: Report) -> dict[str, tuple[float, float, float]]:
    """The headline figures of a report as (value, low, high), those that are defined."""
    return {
        key: (report[key], *report[f"{key}_interval"])
        for key in HEADLINES
        if None not in (report[key], *report[f"{key}_interval"])
    }


def _tensor(pictures: Sequence[NDArray[np.uint8]]) -> Tensor:
    """(n, 3, 256, 256) in 0 to 255; the item fills the frame, as anomalib's own resize makes it."""
    small = [cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for picture in pictures]
    return torch.from_numpy(np.stack(small).astype(np.float32).transpose(0, 3, 1, 2).copy())


def _turned(
    picture: NDArray[np.uint8], mask: NDArray[np.bool_], degrees: float
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The picture and its mask turned about the centre and grown so that no corner is lost."""
    if degrees == 0:
        return picture, mask
    height, width = mask.shape
    turn: Any = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    cos, sin = abs(turn[0, 0]), abs(turn[0, 1])
    size = (round(height * sin + width * cos), round(height * cos + width * sin))
    turn[:, 2] += (np.array(size) - (width, height)) / 2
    turned = cv2.warpAffine(picture, turn, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    place = cv2.warpAffine(mask.astype(np.uint8), turn, size, flags=cv2.INTER_NEAREST)
    return np.asarray(turned, np.uint8), place > 0


def _verdict(score: Tensor) -> Verdict:
    raw = max(0.0, float(score.reshape(-1)[0]))
    return Verdict(damage=raw / (1 + raw))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kaputt", type=Path, required=True, help="data set in Kaputt's format")
    parser.add_argument("--out", type=Path, required=True, help="folder for predictions, reports and plots")
    parser.add_argument("--split", default="test", help="train, validation or test")
    given = parser.parse_args()
    torch.set_num_threads(1)  # the mesh's own cost is one core's too
    for name, report in compare(given.kaputt, given.out, split=given.split).items():
        print(f"{name}: " + ", ".join(f"{label} {report[key]}" for key, label in HEADLINES.items()))


if __name__ == "__main__":
    main()
