"""Barcodes: EAN-13 on goods, interleaved 2 of 5 on carriers' labels.

An EAN-13 symbol is 95 modules: guard, six digits, centre guard, six digits, guard. The first digit is not drawn: it
chooses which of two mirrored alphabets the six left digits use.
"""

import numpy as np

from triton_models.simulator.art_canvas import Canvas, Type
from triton_models.simulator.things import Bytes

_LEFT = [
    "0001101",
    "0011001",
    "0010011",
    "0111101",
    "0100011",
    "0110001",
    "0101111",
    "0111011",
    "0110111",
    "0001011",
]
_PARITY = ["LLLLLL", "LLGLGG", "LLGGLG", "LLGGGL", "LGLLGG", "LGGLLG", "LGGGLL", "LGLGLG", "LGLGGL", "LGGLGL"]
_QUIET = (11, 7)
"""Modules of blank paper that readers need left and right."""


def modules(digits: str) -> str:
    """The 95 modules of a thirteen-digit number: "1" is a bar."""
    right = ["".join("1" if bit == "0" else "0" for bit in code) for code in _LEFT]
    mirrored = [code[::-1] for code in right]
    left = [
        (_LEFT if parity == "L" else mirrored)[int(digit)]
        for parity, digit in zip(_PARITY[int(digits[0])], digits[1:7], strict=True)
    ]
    return "101" + "".join(left) + "01010" + "".join(right[int(digit)] for digit in digits[7:]) + "101"


def barcode(digits: str, module: int, height: int) -> Bytes:
    """The symbol with its quiet zones and digits.

    Args:
        digits: Thirteen.
        module: Pixels of one module; below 2 readers fail after resampling.
        height: Pixels, digits included.

    Returns:
        sRGB, (height, 113 * module, 3).
    """
    bars = np.array([int(bit) for bit in modules(digits)], np.uint8)
    width = (len(bars) + sum(_QUIET)) * module
    canvas = Canvas(width, height, (255, 255, 255))
    foot = max(8, round(9 * module))
    row = np.where(np.repeat(bars, module) == 1, 18, 255).astype(np.uint8)
    start = _QUIET[0] * module
    top = 2 * module
    canvas.pixels[top : height - foot, start : start + len(row)] = row[None, :, None]
    guards = np.zeros(len(bars), bool)
    guards[[0, 1, 2, 45, 46, 47, 48, 49, 92, 93, 94]] = True
    long = np.where(np.repeat((bars == 1) & guards, module), 18, 255).astype(np.uint8)
    canvas.pixels[height - foot : height - foot // 2, start : start + len(row)] = long[None, :, None]
    style = Type(face="grotesk", colour=(18, 18, 18))
    low, high = height - foot + 1, height - 1
    canvas.text((0, low, start - module, high), digits[0], style)
    canvas.text((start + 4 * module, low, start + 44 * module, high), digits[1:7], style)
    canvas.text((start + 51 * module, low, start + 91 * module, high), digits[7:], style)
    return canvas.pixels


_TWO_OF_FIVE = ("00110", "10001", "01001", "11000", "00101", "10100", "01100", "00011", "10010", "01010")
"""Which of a digit's five bars (or gaps) are wide."""


def carrier_code(digits: str, module: int, height: int) -> Bytes:
    """Interleaved 2 of 5, with its digits: no product's symbol, so that no reader takes a label for the goods' code.

    Args:
        digits: An even number of them: of each pair the first is in the bars, the second in the gaps.
        module: Pixels of a narrow bar; wide ones take three.
        height: Pixels, digits included.

    Returns:
        sRGB, (height, W, 3), quiet zones included.
    """
    widths = [1, 1, 1, 1]
    for first, second in zip(digits[::2], digits[1::2], strict=True):
        for bar, gap in zip(_TWO_OF_FIVE[int(first)], _TWO_OF_FIVE[int(second)], strict=True):
            widths += [1 + 2 * int(bar), 1 + 2 * int(gap)]
    widths += [3, 1, 1]
    row = np.repeat(np.arange(len(widths)) % 2, np.array(widths) * module)
    quiet, foot = 10 * module, max(9, height // 6)
    canvas = Canvas(len(row) + 2 * quiet, height, (255, 255, 255))
    canvas.pixels[: height - foot, quiet : quiet + len(row)] = np.where(row == 0, 18, 255).astype(np.uint8)[
        None, :, None
    ]
    canvas.text(
        (quiet, height - foot + 2, quiet + len(row), height),
        digits,
        Type(face="grotesk", colour=(18, 18, 18)),
    )
    return canvas.pixels
