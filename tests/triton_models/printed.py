"""Drawn prints on a drawn tray, for tests of what compares pictures."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
SIDE = 320


def printed(seed: int, size: tuple[int, int] = (140, 200)) -> Picture:
    """A pack's front: shapes and words on a ground."""
    rng = np.random.default_rng(seed)
    height, width = size
    picture = np.full((height, width, 3), rng.integers(170, 250, 3), np.uint8)
    for _ in range(22):
        centre = (int(rng.integers(0, width)), int(rng.integers(0, height)))
        colour = tuple(int(value) for value in rng.integers(0, 255, 3))
        cv2.circle(picture, centre, int(rng.integers(3, 16)), colour, -1, cv2.LINE_AA)
        word = "".join(chr(65 + int(letter)) for letter in rng.integers(0, 26, 4))
        cv2.putText(picture, word, centre, cv2.FONT_HERSHEY_DUPLEX, 0.45, colour[::-1], 1, cv2.LINE_AA)
    return picture


def repeated(seed: int) -> Picture:
    """Six equal boxes in a pack."""
    unit = printed(seed, (70, 66))
    cv2.rectangle(unit, (0, 0), (65, 69), (250, 250, 250), 2)
    return np.tile(unit, (2, 3, 1))


def on_tray(
    print_: Picture, *, turn: float = 0.0, scale: float = 1.0, light: float = 1.0
) -> tuple[Picture, npt.NDArray[np.float64]]:
    """The print on a grey tray, (320, 320, 3), and the way there from where it lies unturned."""
    height, width = print_.shape[:2]
    middle = (SIDE / 2, SIDE / 2)
    laid = np.array([[1, 0, middle[0] - width / 2], [0, 1, middle[1] - height / 2], [0, 0, 1.0]])
    way = np.vstack([cv2.getRotationMatrix2D(middle, turn, scale), [0, 0, 1.0]])
    rng = np.random.default_rng(0)
    tray = np.clip(rng.normal(70, 2, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)
    picture: Any = cv2.warpPerspective(
        print_, way @ laid, (SIDE, SIDE), dst=tray, borderMode=cv2.BORDER_TRANSPARENT
    )
    return np.clip(picture * light, 0, 255).astype(np.uint8), np.asarray(way, np.float64)


def jpeg(picture: Picture) -> bytes:
    data: Any = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])[1]
    return bytes(data.tobytes())
