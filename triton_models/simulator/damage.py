"""What breaks: one of Kaputt's defects done to an item, in its shape, its surface and its codes."""

from collections.abc import Callable
from typing import Final, Literal

from triton_models.simulator.damage_dents import deformation
from triton_models.simulator.damage_parts import actuation, deconstruction
from triton_models.simulator.damage_surface import superficial
from triton_models.simulator.damage_tears import penetration
from triton_models.simulator.things import Floats, Item, Random

Severity = Literal["minor", "major"]
Breaker = Callable[[Item, Severity, Floats, Random], Item | None]

BREAKERS: Final[dict[str, Breaker]] = {
    "deformation": deformation,
    "penetration": penetration,
    "actuation": actuation,
    "deconstruction": deconstruction,
    "superficial": superficial,
}
"""A missing unit is built (`shapes.build(missing=1)`), and spillage lies on the tray (`spills`)."""


def apply(item: Item, defect: str, severity: Severity, up: Floats, rng: Random) -> Item | None:
    """The item with the defect.

    Args:
        item: The item, in its own coordinates (not yet laid down).
        defect: One of `BREAKERS`.
        severity: How bad it is.
        up: (3,) the unit vector, in the item's coordinates, that will point at the top camera.
        rng: What everything is drawn from.

    Returns:
        A new item whose changed faces and texels carry the defect's code; None if it makes no sense for this item.
    """
    return BREAKERS[defect](item, severity, up, rng)
