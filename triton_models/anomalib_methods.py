"""Anomalib's own PatchCore and AnomalyDINO, measured like every other method. Needs torch: the training environment's.

Anomalib 2 trains one model for one product, by a `Folder` and an `Engine`. Here every item is a product of its own with
one to three pictures, so its torch models are used directly: the backbone is loaded once, and only the memory bank
changes from item to item. What a bank is made of and how a picture is scored is anomalib's code. Both backbones are
downloaded by anomalib when they are first used.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Literal

import cv2
import numpy as np

from triton_models.eval_damage import Verdict, evaluate
from triton_models.frozen_features import Image, item_pixels
from triton_models.kaputt import Query, Reference
from triton_models.problems import BadData

AnomalibMethod = Literal["patchcore", "anomaly_dino"]

_MEAN: Final = np.array([0.485, 0.456, 0.406], np.float32)
_DEVIATION: Final = np.array([0.229, 0.224, 0.225], np.float32)
_SIDES: Final = {"patchcore": 256, "anomaly_dino": 252}
"""Pixels to which anomalib's own pre-processing resizes."""
_LAYERS: Final = ("layer2", "layer3")
_KEPT: Final = 64


class AnomalibPredictor:
    """One of anomalib's models as a predictor. Without references it scores 0."""

    def __init__(self, method: AnomalibMethod, *, device: str = "cpu", coreset_share: float = 0.1) -> None:
        """Load the backbone.

        Args:
            method: Which model.
            device: Torch's name of the device.
            coreset_share: Of PatchCore's bank; 0.1 is anomalib's default.

        Raises:
            BadData: Anomalib or torch is not installed here.
        """
        self._method, self._device, self._share = method, device, coreset_share
        self._torch = _imported("torch")
        if method == "patchcore":
            model = _imported("anomalib.models.image.patchcore.torch_model").PatchcoreModel(
                layers=_LAYERS, backbone="wide_resnet50_2", pre_trained=True, num_neighbors=9
            )
            self._thinner: Any = _imported("anomalib.models.components").KCenterGreedy
        else:
            model = _imported("anomalib.models.image.anomaly_dino.torch_model").AnomalyDINOModel(
                num_neighbours=1, encoder_name="dinov2_vit_small_14", masking=True
            )
        self._model: Any = model.to(device).eval()
        self._bank: Callable[[tuple[Reference, ...]], Any] = lru_cache(maxsize=_KEPT)(self._learn)

    def predict(self, query: Query, references: tuple[Reference, ...]) -> Verdict:
        """The model's raw score s, as s / (1 + s): the order is what is measured."""
        if not references:
            return Verdict(damage=0.0)
        bank = self._bank(references)
        self._model.training = False
        self._model.memory_bank = bank
        with self._torch.inference_mode():
            found = self._model(self._tensor([item_pixels(query)[0]]))
        score = max(0.0, float(found.pred_score.reshape(-1)[0]))
        return Verdict(damage=score / (1 + score))

    def _learn(self, references: tuple[Reference, ...]) -> Any:  # noqa: ANN401 (a tensor; torch is not imported here)
        # The flag of the outer module alone: the backbone inside must stay in evaluation mode.
        self._model.training = True
        images = self._tensor([item_pixels(one)[0] for one in references])
        with self._torch.no_grad():
            self._model.memory_bank = self._torch.empty(0, device=self._device)
            if self._method == "anomaly_dino":
                self._model.embedding_store.clear()
                self._model(images)
                self._model.fit()
                return self._model.memory_bank
            embedding = self._model(images)
            return self._thinner(embedding=embedding, sampling_ratio=self._share).sample_coreset()

    def _tensor(self, images: list[Image]) -> Any:  # noqa: ANN401 (the same)
        side = _SIDES[self._method]
        small = [cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA) for image in images]
        values = (np.stack(small).astype(np.float32) / 255 - _MEAN) / _DEVIATION
        return self._torch.from_numpy(values.transpose(0, 3, 1, 2).copy()).to(self._device)


def run_anomalib(
    root: Path, split: str, *, method: AnomalibMethod, out: Path, device: str = "cpu"
) -> dict[str, Any]:
    """Measure one of anomalib's models on one split.

    Args:
        root: Data set in Kaputt's format.
        split: To measure on.
        method: Which model.
        out: Folder for predictions, report and plots.
        device: Torch's name of the device.

    Returns:
        The report.

    Raises:
        BadData: Anomalib is not installed here, or the data is wrong.
    """
    return evaluate(
        root, split, predictor=AnomalibPredictor(method, device=device), method=f"anomalib {method}",
        predictions=out / f"anomalib_{method}.csv", report=out / f"anomalib_{method}.json",
        plots=out / f"anomalib_{method}",
    )  # fmt: skip


def _imported(name: str) -> Any:  # noqa: ANN401 (modules that are not there when types are checked)
    try:
        return import_module(name)
    except ImportError as error:
        raise BadData(
            f"anomalib's methods need the training environment with anomalib 2 (pip install anomalib): {error}"
        ) from error
