"""What the print shop draws on: antialiased shapes with gradients, text, and pictures with masks.

Coordinates are pixels, x to the right and y down; a box is (left, top, right, bottom). A `Canvas` is the one
thing of the simulator that changes in place: a face is hundreds of strokes on one sheet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from triton_models.simulator.art_fonts import (
    Face,
    advance,
    fitting_size,
    font,
    set_line,
    wrapped,
)
from triton_models.simulator.things import Bytes, Floats

Colour = tuple[int, int, int]
Box = tuple[float, float, float, float]
Points = npt.NDArray[np.float32]

_SHIFT = 4  # binary places of OpenCV's subpixel coordinates


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """A colour between two: `share` 0 is the one, 1 the other; beyond that it goes on, clipped."""
    red, green, blue = (round(min(255, max(0, a + (b - a) * share))) for a, b in zip(one, other, strict=True))
    return red, green, blue


def lighter(colour: Colour, share: float) -> Colour:
    """Towards white; a negative share goes towards black."""
    return mix(colour, (255, 255, 255) if share > 0 else (0, 0, 0), abs(share))


def luminance(colour: Colour) -> float:
    """0 for black to 1 for white, as eyes weigh it."""
    return (0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]) / 255


def readable(colour: Colour, ground: Colour) -> Colour:
    """The colour itself if it can be read on the ground, else near black or white, whichever can."""
    if abs(luminance(colour) - luminance(ground)) > 0.3:
        return colour
    return (250, 250, 247) if luminance(ground) < 0.55 else (28, 28, 32)


def ellipse_points(centre: tuple[float, float], radii: tuple[float, float], turn: float = 0.0) -> Points:
    """An ellipse's outline, turned by radians: (64, 2)."""
    angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    outline = np.stack([radii[0] * np.cos(angles), radii[1] * np.sin(angles)], axis=1)
    return turned(outline, turn) + np.asarray(centre, np.float32)


def turned(points: npt.NDArray[np.floating[Any]], turn: float) -> Points:
    """Points turned about the origin by radians, clockwise on the sheet."""
    cosine, sine = np.cos(turn), np.sin(turn)
    made: Points = (points @ np.array([[cosine, sine], [-sine, cosine]])).astype(np.float32)
    return made


def rounded_points(box: Box, radius: float) -> Points:
    """A rectangle with round corners: (32, 2)."""
    left, top, right, bottom = box
    radius = min(radius, (right - left) / 2, (bottom - top) / 2)
    quarter = np.linspace(0, np.pi / 2, 8)
    corners = (
        (right - radius, bottom - radius, 0.0),
        (left + radius, bottom - radius, np.pi / 2),
        (left + radius, top + radius, np.pi),
        (right - radius, top + radius, 1.5 * np.pi),
    )
    arcs = [
        np.stack([x + radius * np.cos(quarter + start), y + radius * np.sin(quarter + start)], axis=1)
        for x, y, start in corners
    ]
    made: Points = np.concatenate(arcs).astype(np.float32)
    return made


def star_points(
    centre: tuple[float, float], radii: tuple[float, float], points: int, turn: float = 0.0
) -> Points:
    """A star with `points` tips: outer and inner radius."""
    angles = np.arange(2 * points) * np.pi / points + turn
    lengths = np.where(np.arange(2 * points) % 2 == 0, radii[0], radii[1])
    outline = np.stack([lengths * np.cos(angles), lengths * np.sin(angles)], axis=1)
    made: Points = (outline + np.asarray(centre)).astype(np.float32)
    return made


def inset(box: Box, share: float) -> Box:
    """A box with a share of its shorter side taken off all round."""
    left, top, right, bottom = box
    step = share * min(right - left, bottom - top)
    return left + step, top + step, right - step, bottom - step


def part(box: Box, left: float, top: float, right: float, bottom: float) -> Box:
    """The part of a box between shares of its width and height."""
    width, height = box[2] - box[0], box[3] - box[1]
    return box[0] + left * width, box[1] + top * height, box[0] + right * width, box[1] + bottom * height


@dataclass(frozen=True, slots=True, kw_only=True)
class Type:
    """How words are set.

    Attributes:
        face: Typeface.
        colour: Of the ink.
        align: Where a line stands in its box.
        turn: Degrees counter-clockwise: 90 reads upwards.
        outline: Colour and width as a share of the size, or None.
        shadow: Colour of a shadow, or None.
        most: Largest size in pixels.
    """

    face: Face = "bold"
    colour: Colour = (20, 20, 20)
    align: Literal["left", "centre", "right"] = "centre"
    turn: int = 0
    outline: tuple[Colour, float] | None = None
    shadow: Colour | None = None
    most: int = 400


class Canvas:
    """One sheet, and beside it the mask of art that shows damage.

    Args:
        width: Pixels.
        height: Pixels.
        colour: Of the paper.
    """

    def __init__(self, width: int, height: int, colour: Colour) -> None:
        self.pixels: Bytes = np.empty((height, width, 3), np.uint8)
        self.pixels[0] = colour
        self.pixels[1:] = self.pixels[0]
        self.printed: Bytes = np.zeros((height, width), np.uint8)
        self.box: Box = (0.0, 0.0, float(width), float(height))

    @property
    def unit(self) -> float:
        """A hundredth of the geometric mean of the sides: what strokes and margins are measured in."""
        return float(np.sqrt(self.box[2] * self.box[3])) / 100

    def blend(self, origin: tuple[int, int], mask: Bytes, colour: Colour | Floats | Bytes) -> None:
        """Lays a colour (3,) or picture (h, w, 3) through a mask (h, w) whose upper left corner is (x, y)."""
        x, y = origin
        height, width = mask.shape
        left, top = max(x, 0), max(y, 0)
        right, bottom = min(x + width, self.pixels.shape[1]), min(y + height, self.pixels.shape[0])
        if right <= left or bottom <= top:
            return
        cut = (slice(top - y, bottom - y), slice(left - x, right - x))
        under = self.pixels[top:bottom, left:right]
        share = mask[cut]
        if isinstance(colour, tuple):
            ink: Any = (*colour, 0)  # a tuple is one colour to OpenCV, which its stubs do not say
            step = cv2.subtract(ink, under, dtype=cv2.CV_32F)
        else:
            step = cv2.subtract(np.ascontiguousarray(colour[cut]), under, dtype=cv2.CV_32F)
        step = cv2.multiply(step, cv2.merge([share, share, share]), scale=1 / 255, dtype=cv2.CV_32F)
        self.pixels[top:bottom, left:right] = cv2.add(under, step, dtype=cv2.CV_8U)

    def polygon(self, points: Points, colour: Colour, to: Colour | None = None, alpha: float = 1.0) -> None:
        """A filled outline (N, 2): one colour, or from `colour` at its upper left `to` another at its lower right."""
        low = np.floor(points.min(axis=0)).astype(int) - 1
        high = np.ceil(points.max(axis=0)).astype(int) + 2
        low = np.maximum(low, 0)
        high = np.minimum(high, [self.pixels.shape[1], self.pixels.shape[0]])
        if (high <= low).any():
            return
        width, height = (high - low).tolist()
        mask = np.zeros((height, width), np.uint8)
        fixed = np.round((points - low) * (1 << _SHIFT)).astype(np.int32)
        cv2.fillPoly(mask, [fixed], (round(255 * alpha),), cv2.LINE_AA, _SHIFT)
        origin = (int(low[0]), int(low[1]))
        self.blend(origin, mask, colour if to is None else ramp((width, height), colour, to))

    def rectangle(self, box: Box, colour: Colour, to: Colour | None = None, alpha: float = 1.0) -> None:
        """A filled rectangle."""
        left, top, right, bottom = box
        corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float32)
        self.polygon(corners, colour, to, alpha)

    def ellipse(
        self,
        centre: tuple[float, float],
        radii: tuple[float, float],
        colour: Colour,
        to: Colour | None = None,
    ) -> None:
        """A filled ellipse, axes along the sheet's."""
        self.polygon(ellipse_points(centre, radii), colour, to)

    def line(self, points: Points, colour: Colour, width: float, alpha: float = 1.0) -> None:
        """An open stroke through (N, 2) points."""
        margin = int(width) + 2
        low = np.maximum(np.floor(points.min(axis=0)).astype(int) - margin, 0)
        high = np.ceil(points.max(axis=0)).astype(int) + margin
        high = np.minimum(high, [self.pixels.shape[1], self.pixels.shape[0]])
        if (high <= low).any():
            return
        mask = np.zeros((int(high[1] - low[1]), int(high[0] - low[0])), np.uint8)
        fixed = np.round((points - low) * (1 << _SHIFT)).astype(np.int32)
        thick = max(1, round(width))
        strength = round(255 * alpha * min(1.0, max(width, 0.25)))
        cv2.polylines(
            mask,
            [fixed],
            isClosed=False,
            color=(strength,),
            thickness=thick,
            lineType=cv2.LINE_AA,
            shift=_SHIFT,
        )
        self.blend((int(low[0]), int(low[1])), mask, colour)

    def frame(self, points: Points, colour: Colour, width: float) -> None:
        """A closed stroke."""
        self.line(np.concatenate([points, points[:1]]), colour, width)

    def gradient(self, box: Box, colour: Colour, to: Colour, *, across: bool = False) -> None:
        """A rectangle that changes colour downwards, or across."""
        left, top, right, bottom = (round(edge) for edge in box)
        length = right - left if across else bottom - top
        if length <= 0 or right <= left or bottom <= top:
            return
        shares = np.linspace(0, 1, length, dtype=np.float32)[:, None]
        colours = np.asarray(colour, np.float32) * (1 - shares) + np.asarray(to, np.float32) * shares
        tones = colours.astype(np.uint8)
        x, y = max(left, 0), max(top, 0)
        field = self.pixels[y:bottom, x:right]
        if across:
            field[:] = tones[None, x - left : x - left + field.shape[1]]
        else:
            field[:] = tones[y - top : y - top + field.shape[0], None]

    def picture(self, origin: tuple[int, int], picture: Bytes, outline: Points | None = None) -> None:
        """A picture (h, w, 3) with its corner at (x, y), within an outline on the sheet if one is given."""
        height, width = picture.shape[:2]
        mask = np.full((height, width), 255 if outline is None else 0, np.uint8)
        if outline is not None:
            fixed = np.round((outline - np.asarray(origin)) * (1 << _SHIFT)).astype(np.int32)
            cv2.fillPoly(mask, [fixed], (255,), cv2.LINE_AA, _SHIFT)
        self.blend(origin, mask, picture)

    def text(self, box: Box, words: str, style: Type) -> Box:
        """One line, as large as fits; returns the box that its ink takes."""
        left, top, right, bottom = box
        room = (right - left, bottom - top) if style.turn % 180 == 0 else (bottom - top, right - left)
        if not words or min(room) < 4:
            return left, top, left, top
        size = min(style.most, fitting_size(style.face, words, *room))
        stroke = 0 if style.outline is None else max(1, round(size * style.outline[1]))
        mask = _word_mask(words, style.face, size, 0)
        around = mask if stroke == 0 else _word_mask(words, style.face, size, stroke)
        if style.turn:
            mask, around = (np.rot90(layer, style.turn // 90) for layer in (mask, around))
        height, width = mask.shape
        free = right - left - width
        x = round(
            left
            + (free / 2 if style.align == "centre" or style.turn % 180 else free * (style.align == "right"))
        )
        y = round((top + bottom - height) / 2)
        if style.shadow is not None:
            step = max(1, size // 18)
            self.blend((x - stroke + step, y - stroke + step), around, style.shadow)
        if style.outline is not None:
            self.blend((x - stroke, y - stroke), around, style.outline[0])
        self.blend((x, y), mask, style.colour)
        return float(x), float(y), float(x + width), float(y + height)

    def paragraph(self, box: Box, words: str, style: Type, size: float) -> float:
        """Wrapped text from the top of a box, cut at its foot; returns where the next line would start."""
        height = max(5, round(size))
        y = box[1]
        step = height * 1.22
        sheet = np.zeros((max(1, int(box[3] - box[1])), max(1, int(box[2] - box[0]))), np.uint8)
        for line in wrapped(style.face, words, height, box[2] - box[0]):
            if y + step > box[3]:
                break
            free = box[2] - box[0] - advance(style.face, line, height)
            shift = {"left": 0.0, "centre": free / 2, "right": free}[style.align]
            set_line(sheet, (shift, y - box[1]), line, style.face, height)
            y += step
        self.blend((round(box[0]), round(box[1])), sheet, style.colour)
        return y


def ramp(size: tuple[int, int], colour: Colour, to: Colour) -> Floats:
    """A diagonal change of colour over (width, height): (H, W, 3)."""
    width, height = size
    across = (
        np.linspace(0, 0.5, width, dtype=np.float32)[None, :]
        + np.linspace(0, 0.5, height, dtype=np.float32)[:, None]
    )
    made = cv2.merge([across * np.float32(b - a) + np.float32(a) for a, b in zip(colour, to, strict=True)])
    return np.asarray(made, np.float32)


def catmull(points: Sequence[tuple[float, float]], steps: int = 12, *, closed: bool = True) -> Points:
    """A smooth curve through points (Catmull and Rom's spline)."""
    knots = np.asarray(points, np.float32)
    if closed:
        padded = np.concatenate([knots[-1:], knots, knots[:2]])
    else:
        padded = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    before, start, end, after = padded[:-3, None], padded[1:-2, None], padded[2:-1, None], padded[3:, None]
    t = np.linspace(0, 1, steps, endpoint=False, dtype=np.float32)[None, :, None]
    curve = 0.5 * (
        2 * start
        + (end - before) * t
        + (2 * before - 5 * start + 4 * end - after) * t**2
        + (3 * start - before - 3 * end + after) * t**3
    )
    made: Points = curve.reshape(-1, 2).astype(np.float32)
    return made


def _word_mask(words: str, face: Face, size: int, stroke: int) -> Bytes:
    """The ink of one line, cropped to it (and to its stroke): (h, w)."""
    typeface = font(face, size)
    left, top, right, bottom = typeface.getbbox(words)
    width, height = max(1, int(right - left) + 1 + 2 * stroke), max(1, int(bottom - top) + 1 + 2 * stroke)
    sheet = Image.new("L", (width, height), 0)
    ImageDraw.Draw(sheet).text(
        (stroke - left, stroke - top), words, font=typeface, fill=255, stroke_width=stroke
    )
    return np.asarray(sheet)
