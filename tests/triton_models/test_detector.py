"""The damage classifier in torch, where torch is: its shape, its training, its file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip(
    "torch", reason="torch is in the training environment only (intact train makes it)"
)

from tests.triton_models.small_set import draw  # noqa: E402
from triton_models import detector, export_damage, kaputt, train_damage  # noqa: E402
from triton_models.export import TOLERANCE, weights_in  # noqa: E402
from triton_models.install import build_of  # noqa: E402
from triton_models.problems import BadData  # noqa: E402
from triton_models.quantise import quantise  # noqa: E402
from triton_models.views import Views, views  # noqa: E402

QUICK = train_damage.Settings(epochs=1, batch=4)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    folder = tmp_path_factory.mktemp("small")
    for split in ("train", "validation"):
        draw(folder, split)
    return folder


@pytest.fixture(scope="module")
def out(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    train_damage.train(root, folder, QUICK, workers=1)
    return folder


def test_depth_matters_only_where_there_is_some() -> None:
    model = detector.Detector().eval()
    pixels = torch.randint(0, 255, (2, 256, 256, 3), dtype=torch.uint8)
    flat, raised = torch.zeros(2, 64, 64), torch.full((2, 64, 64), 0.05)
    with torch.inference_mode():
        without, with_depth = model(pixels, flat)[0], model(pixels, raised)[0]
        again = model(pixels, flat)[0]
    assert torch.equal(without, again)
    assert not torch.allclose(without, with_depth)


@pytest.mark.parametrize("name", ["resnet18", "vit_tiny_patch16_224"])
def test_any_timm_backbone_serves_by_its_name(name: str) -> None:
    pytest.importorskip("timm")
    model = detector.Detector(detector.backbone(name, pretrained=False)).eval()
    with torch.inference_mode():
        scores, where = model(torch.zeros(1, 256, 256, 3, dtype=torch.uint8), torch.zeros(1, 64, 64))
    assert scores.shape == (1, 9)
    assert where.shape == (1, 8, 16, 16)


def test_training_stopped_after_an_epoch_goes_on_from_there(root: Path, out: Path) -> None:
    before = (out / "checkpoint.pt").read_bytes()
    assert len(train_damage.train(root, out, QUICK, workers=1)["history"]) == 1
    assert (out / "checkpoint.pt").read_bytes() == before, "nothing was left to do"


def test_a_checkpoint_of_other_settings_is_refused_with_the_reason(root: Path, out: Path) -> None:
    with pytest.raises(BadData, match="other settings"):
        train_damage.train(root, out, train_damage.Settings(epochs=1, batch=4, seed=12), workers=1)


def test_the_served_answer_is_torchs(out: Path, tmp_path: Path) -> None:
    model = export_damage.Served(export_damage.trained(out), torch.full((9,), 1.5)).eval()
    path = tmp_path / "classifier.onnx"
    export_damage.export(model, path)
    assert export_damage.difference(model, path) < TOLERANCE


def test_an_upside_down_picture_is_answered_alike_and_its_map_is_upside_down(out: Path) -> None:
    model = export_damage.Served(export_damage.trained(out), torch.full((9,), 1.5)).eval()
    pixels = torch.randint(0, 255, (2, 256, 256, 3), dtype=torch.uint8)
    height = 0.05 * torch.rand(2, 64, 64)
    with torch.inference_mode():
        chances, where = model(pixels, height)
        inverted, map_inverted = model(pixels.flip(1), height.flip(1))
    assert torch.allclose(chances, inverted, atol=1e-5)
    assert torch.allclose(where, map_inverted.flip(2), atol=1e-4)
    assert not torch.allclose(where, map_inverted, atol=1e-2)


def test_a_picture_that_is_leant_keeps_its_truth_where_it_was() -> None:
    pixels = np.zeros((256, 256, 3), np.uint8)
    pixels[64:96, 160:192] = 255
    codes = np.zeros((64, 64), np.uint8)
    codes[16:24, 40:48] = 3
    leant, truth = (train_damage._leant(part, 20.0, 1.2) for part in (pixels, codes))
    assert set(np.unique(truth)) == {0, 3}
    shown = leant.reshape(64, 4, 64, 4, 3).mean(axis=(1, 3, 4)) > 127
    assert not shown[18:22, 42:46].all(), "it has moved"
    # Their middles, in cells; a turn about another middle than the picture's moves them apart by some 0.2.
    apart = np.argwhere(shown).mean(axis=0) - np.argwhere(truth == 3).mean(axis=0)
    assert np.abs(apart).max() < 0.1
    assert (shown & (truth == 3)).sum() > 0.85 * (shown | (truth == 3)).sum()
    half = train_damage._leant(codes.astype(np.float16), 0.0, 1.0)
    assert np.array_equal(half, codes)


def test_what_a_batch_shows_lies_where_its_truth_says() -> None:
    """Over many draws, whatever they turn, lean and cut: bright pixels and damaged cells stay together."""
    pixels = np.full((8, 288, 288, 3), 60, np.uint8)
    damage = np.zeros((8, 72, 72), np.uint8)
    pixels[:, 100:140, 160:220] = 250
    damage[:, 25:35, 40:55] = 2
    rows = Views(
        pixels=pixels, height=damage.astype(np.float16), damage=damage, matter=np.zeros_like(damage),
        labels=np.zeros((8, 9), np.float32), capture=np.arange(8, dtype=np.int32), side=np.zeros(8, bool),
    )  # fmt: skip
    batches = train_damage.Batches(rows, QUICK, np.ones(8))
    for number in range(6):
        for batch in batches.epoch(number):
            light = batch["pixels"].float().mean(dim=3).reshape(-1, 16, 16, 16, 16).mean(dim=(2, 4))
            bright = (light - light.flatten(1).median(dim=1).values[:, None, None] - 20).clamp(min=0)
            for one, other in zip(bright, batch["truth"][:, 1], strict=True):
                assert _middle(one) == pytest.approx(_middle(other), abs=0.5), "in cells of 16 pixels"


def _middle(weights: torch.Tensor) -> list[float]:
    """Row and column of the middle of what weighs."""
    places = torch.arange(16.0)
    return [float((weights.sum(dim=1 - axis) * places).sum() / weights.sum()) for axis in (0, 1)]


@pytest.mark.parametrize("peak", [1.0, 0.5])
def test_a_gentle_course_learns_at_lower_rates(peak: float) -> None:
    settings = train_damage.Settings(peak=peak)
    model = detector.Detector(detector.backbone("resnet18", pretrained=False))
    rates = [group["lr"] for group in train_damage._optimiser(model, settings).param_groups]
    assert rates == [peak * settings.trunk_rate, peak * settings.rate]


def test_training_goes_on_from_an_exported_network(root: Path, out: Path, tmp_path: Path) -> None:
    path = tmp_path / "classifier.onnx"
    export_damage.export(export_damage.Served(export_damage.trained(out), torch.full((9,), 1.5)).eval(), path)
    model = detector.Detector()
    model.load_state_dict(weights_in(path, model))
    assert all(
        torch.equal(now, then)
        for now, then in zip(
            model.state_dict().values(), export_damage.trained(out).state_dict().values(), strict=True
        )
    )
    begun = train_damage.Settings(epochs=1, batch=4, start=build_of(path))
    train_damage.train(root, tmp_path / "on", begun, start=path, workers=1)
    with pytest.raises(BadData, match="other settings"):
        train_damage.train(root, tmp_path / "on", QUICK, workers=1)


def test_eight_bits_say_nearly_the_same_and_can_be_gone_on_from(
    root: Path, out: Path, tmp_path: Path
) -> None:
    exact, light = tmp_path / "exact.onnx", tmp_path / "light.onnx"
    model = export_damage.trained(out)
    export_damage.export(export_damage.Served(model, torch.full((9,), 1.5)).eval(), exact)
    queries = kaputt.load(root, "validation", references=False).queries
    looks = views(queries, tmp_path / "views", workers=1, tick=lambda: None)
    told, answers = export_damage.lighter(exact, light, looks, looks, queries)
    assert set(told["ap_any_by_precision"]) == {"float32", "int8"}
    assert np.array_equal(answers, export_damage.answered(light, looks))
    quantise(exact, train_damage.middles(looks, step=1), light)
    assert light.stat().st_size < 0.4 * exact.stat().st_size
    one, other = (export_damage.answered(path, looks) for path in (exact, light))
    assert np.abs(one - other).max() < 0.5
    assert np.abs(one - other).max() > 0, "nothing was quantised"
    begun = weights_in(light, model)
    for name, weight in model.state_dict().items():
        assert (begun[name] - weight).abs().max() <= weight.abs().max() / 60, name


def test_a_start_of_another_network_is_refused(out: Path, tmp_path: Path) -> None:
    path = tmp_path / "classifier.onnx"
    export_damage.export(export_damage.Served(export_damage.trained(out), torch.full((9,), 1.5)).eval(), path)
    with pytest.raises(BadData, match="of another network"):
        weights_in(path, detector.Detector(detector.backbone("resnet18", pretrained=False)))
    with pytest.raises(BadData, match="is missing"):
        weights_in(tmp_path / "no.onnx", detector.Detector())


def test_the_temperature_of_overconfident_logits_is_found() -> None:
    rng = np.random.default_rng(0)
    honest = rng.normal(0, 2, (4000, 9))
    truth = rng.random((4000, 9)) < 1 / (1 + np.exp(-honest))
    # As many captures again with every label wrong, that stand for none.
    logits, labels = np.concatenate([honest * 3, honest]), np.concatenate([truth, ~truth]).astype(float)
    found = export_damage.temperatures(logits, labels, np.repeat([1.0, 0.0], 4000))
    assert np.allclose(found, 3, rtol=0.2)
