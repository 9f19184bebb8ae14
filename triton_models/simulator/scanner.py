"""The barcode scanner: a close look at the code on the package, read by a real reader, as good or bad as it came."""

import cv2
import numpy as np
import zxingcpp

from triton_models.simulator import catalogue
from triton_models.simulator.art import face
from triton_models.simulator.catalogue import Design
from triton_models.simulator.things import Bytes, Random


def scan(design: Design, scenario: str, rng: Random) -> str | None:
    """What the scanner reads off the package; None if it reads nothing.

    Args:
        design: The product.
        scenario: "barcode" gives a smudged, a missing or another product's code, a third of the cases each.
        rng: Draws light, blur and smudge.
    """
    trouble = str(rng.choice(["smudged", "missing", "wrong"])) if scenario == "barcode" else ""
    if trouble == "missing":
        return None
    shown = _another(design, rng) if trouble == "wrong" else design
    view = _seen(face(shown, "back", shown.size[0], shown.size[1]).albedo, rng)
    if trouble == "smudged":
        view = _smudged(view, rng)
    codes = zxingcpp.read_barcodes(view, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.EAN13))
    return codes[0].text if codes else None


def _another(design: Design, rng: Random) -> Design:
    numbers = [n for n in range(catalogue.DESIGNS) if n != design.number]
    return catalogue.design(int(rng.choice(numbers)))


def _seen(print_: Bytes, rng: Random) -> Bytes:
    """Tilted a little, unevenly lit, noisy."""
    height, width = print_.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moved = corners + rng.normal(0, 0.02, (4, 2)).astype(np.float32) * width
    view = cv2.warpPerspective(
        print_, cv2.getPerspectiveTransform(corners, moved), (width, height), borderMode=cv2.BORDER_REPLICATE
    )
    left, right = rng.uniform(0.6, 1.1, 2)
    light = np.linspace(left, right, width, dtype=np.float32)[None, :, None]
    noisy = view * light + rng.normal(0, 4, view.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def _smudged(view: Bytes, rng: Random) -> Bytes:
    """Rubbed along one way until the bars run into each other."""
    length = int(rng.integers(9, 25))
    rubbed = cv2.blur(view, (length, 1))
    patches = rng.random((6, 6)).astype(np.float32)
    cover = cv2.resize(patches, view.shape[1::-1], interpolation=cv2.INTER_CUBIC)[..., None]
    return np.clip(rubbed * (1 - 0.5 * cover) + 90 * cover, 0, 255).astype(np.uint8)
