"""The gallery's encoder in torch, where torch is: its training, its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip(
    "torch", reason="torch is in the training environment only (intact train makes it)"
)

from tests.triton_models.small_set import draw  # noqa: E402
from triton_models import export_encoder, train_encoder  # noqa: E402
from triton_models.encoder import Projection  # noqa: E402
from triton_models.export import TOLERANCE  # noqa: E402


def drawn(products: int, each: int, seed: int) -> train_encoder.Features:
    """Pictures whose first ten features tell the product, and whose others say nothing, louder."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(products, 10)).repeat(each, 0)
    pooled = np.hstack(
        [centres + 0.3 * rng.normal(size=centres.shape), 3 * rng.normal(size=(len(centres), 40))]
    )
    return train_encoder.Features(
        pooled=pooled.astype(np.float32),
        patches=np.zeros((0, 112), np.float32),
        product=np.array([f"{seed}-{at}" for at in range(products)]).repeat(each),
        capture=np.array([f"{at}" if at % each else "" for at in range(products * each)]),
    )


def test_pictures_of_one_product_are_told_from_others_never_seen() -> None:
    embed, told = train_encoder.fitted(drawn(60, 8, 0), drawn(20, 8, 1))
    assert told["steps"][0]["step"] == 0
    assert told["capture_r_at_1"] > told["steps"][0]["capture_r_at_1"] + 0.1
    assert torch.allclose(embed(torch.randn(3, 50)).norm(dim=1), torch.ones(3), atol=1e-5)


def test_features_are_kept_and_taken_up_again(tmp_path: Path) -> None:
    draw(tmp_path, "train")
    shown = train_encoder.pictures(tmp_path, "train")
    assert {one.capture is None for one in shown} == {True, False}
    first = train_encoder.features(shown, tmp_path / "kept")
    made = (tmp_path / "kept" / "000000.npz").stat().st_mtime_ns
    again = train_encoder.features(shown, tmp_path / "kept")
    assert (tmp_path / "kept" / "000000.npz").stat().st_mtime_ns == made
    assert np.array_equal(first.pooled, again.pooled)


def test_the_served_network_answers_what_torch_answers(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    model = export_encoder.GalleryEncoder(
        embedding=Projection(mean=torch.zeros(464), matrix=torch.randn(464, 256, generator=generator)),
        patches=Projection(mean=torch.zeros(112), matrix=torch.randn(112, 64, generator=generator)),
    ).eval()
    export_encoder.export(model, tmp_path / "encoder.onnx")
    assert export_encoder.difference(model, tmp_path / "encoder.onnx") < TOLERANCE
    assert (tmp_path / "encoder.onnx").stat().st_size < 11_000_000
