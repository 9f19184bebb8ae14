"""The picture maker says the truth, repeats itself by seed, and keeps its formats."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from triton_models.faces import ean13_modules
from triton_models.pictures import (
    DEFECTS,
    MATERIALS,
    VENDORS,
    Design,
    catalog,
    check_digit,
    contact_sheet,
    defects_of,
    shoot,
)

DESIGNS = catalog(24, 5)
PACK = next(design for design in DESIGNS if design.unit_count > 1)
SINGLE = next(design for design in DESIGNS if design.unit_count == 1)


def pixels(picture: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"), dtype=np.int16)


def test_a_catalogue_repeats_itself_and_grows_at_its_end() -> None:
    assert catalog(24, 5) == DESIGNS
    assert catalog(30, 5)[:24] == DESIGNS
    assert catalog(24, 6) != DESIGNS


def test_products_have_ids_codes_and_attributes_of_their_own() -> None:
    assert DESIGNS[0].product_id == "P0001"
    assert len({design.barcode for design in DESIGNS}) == len(DESIGNS)
    assert {design.category for design in DESIGNS} == {
        "grocery", "book", "toy", "beauty", "electronics", "household",
    }  # fmt: skip
    for design in DESIGNS:
        assert design.material in MATERIALS
        assert design.vendor_id in VENDORS
        assert design.price_cents > 0
        assert design.unit_count >= 1


def test_all_ten_materials_occur() -> None:
    assert {design.material for design in catalog(200, 1)} == set(MATERIALS)


@pytest.mark.parametrize("design", DESIGNS[:8], ids=lambda design: design.product_id)
def test_barcodes_are_valid_ean_13(design: Design) -> None:
    assert len(design.barcode) == 13
    digits = [int(digit) for digit in design.barcode]
    assert (sum(digits[0::2]) + 3 * sum(digits[1::2])) % 10 == 0


def test_a_known_article_number_has_its_known_check_digit_and_bars() -> None:
    assert check_digit("590123412345") == 7
    modules = ean13_modules("5901234123457")
    assert len(modules) == 95
    assert modules.startswith("101" + "0001011" + "0100111")
    assert modules.endswith("1000100" + "101")


def test_a_shot_repeats_itself_by_seed() -> None:
    first = shoot(PACK, seed=3, defect="penetration", severity="minor")
    assert first == shoot(PACK, seed=3, defect="penetration", severity="minor")
    assert first.rgb != shoot(PACK, seed=4, defect="penetration", severity="minor").rgb


def test_a_shot_is_two_jpegs_and_a_16_bit_depth_png() -> None:
    shot = shoot(PACK, seed=0)
    for picture in shot.rgb:
        image = Image.open(io.BytesIO(picture))
        assert (image.format, image.size, image.mode) == ("JPEG", (320, 320), "RGB")
    depth = Image.open(io.BytesIO(shot.depth))
    assert (depth.format, depth.size, depth.mode) == ("PNG", (160, 160), "I;16")


def test_depth_is_in_millimetres_from_the_camera() -> None:
    depth = np.asarray(Image.open(io.BytesIO(shoot(SINGLE, seed=0).depth))).astype(int)
    assert abs(np.median(depth[:8]) - 900) <= 2
    height = 900 - np.median(depth[70:90, 70:90])
    assert abs(height - SINGLE.size_mm[2]) <= 0.1 * SINGLE.size_mm[2] + 2


def test_an_intact_shot_says_so() -> None:
    truth = shoot(PACK, seed=0).truth
    assert (truth.damaged, truth.severity, truth.defect_types) == (False, "none", ())


@pytest.mark.parametrize("severity", ["minor", "major"])
@pytest.mark.parametrize("defect", DEFECTS)
def test_a_damaged_shot_says_so_and_shows_it(defect: str, severity: str) -> None:
    shot = shoot(PACK, seed=2, defect=defect, severity=severity)
    assert (shot.truth.damaged, shot.truth.severity, shot.truth.defect_types) == (True, severity, (defect,))
    intact = shoot(PACK, seed=2)
    # Pose and light are those of the same seed, so what differs is the damage.
    changed = [
        (np.abs(pixels(one) - pixels(other)).max(axis=2) > 40).mean()
        for one, other in zip(shot.rgb, intact.rgb, strict=True)
    ]
    assert max(changed) > 0.001


def test_a_single_product_cannot_miss_a_unit() -> None:
    assert "missing_unit" not in defects_of(SINGLE)
    with pytest.raises(ValueError, match="cannot have the defect 'missing_unit'"):
        shoot(SINGLE, seed=0, defect="missing_unit")


def test_an_unknown_severity_is_refused() -> None:
    with pytest.raises(ValueError, match="must be minor or major"):
        shoot(SINGLE, seed=0, defect="penetration", severity="awful")


def test_the_contact_sheet_shows_each_design_with_each_defect() -> None:
    sheet = Image.open(io.BytesIO(contact_sheet((PACK, SINGLE))))
    assert (sheet.format, sheet.size) == ("PNG", (8 * 160, 4 * 160))
