"""The shape of one unit of a product: the same design, print and size each time, and yet no two alike."""

from collections.abc import Callable

from triton_models.simulator.catalogue import Design
from triton_models.simulator.shape_bags import brick, mailer, pillow, pouch
from triton_models.simulator.shape_books import book
from triton_models.simulator.shape_boxes import box
from triton_models.simulator.shape_packs import blister, multipack
from triton_models.simulator.shape_round import tube, vessel
from triton_models.simulator.things import Item, Random


def build(design: Design, rng: Random, *, crumple: float = 0.0, missing: int = 0) -> Item:
    """Makes one unit of a product.

    Args:
        design: The product.
        rng: Makes the individual: how full it is, its wrinkles, bulges and seams, how its cap sits.
        crumple: How crumpled a soft package is, 0 to 1, still unharmed at 1; stiff ones take no notice.
        missing: Units left out of a blister or a multipack; their places stay empty.

    Returns:
        The item, lying on its back with its front up, its middle near the origin.

    Raises:
        ValueError: If units are to be missing from a package that shows none, or more than it holds.
    """
    if missing and design.kind not in {"blister", "multipack"}:
        raise ValueError(f"A {design.kind} shows no units that could be missing.")
    kind = "paper_bag" if design.kind == "bag" and design.item_material == "paper" else design.kind
    return _MAKERS[kind](design, rng, crumple, missing)


_MAKERS: dict[str, Callable[[Design, Random, float, int], Item]] = {
    "box": lambda design, rng, _, __: box(design, rng),
    "carton": lambda design, rng, _, __: box(design, rng),
    "bag": lambda design, rng, crumple, _: pillow(design, rng, crumple),
    "paper_bag": lambda design, rng, crumple, _: brick(design, rng, crumple),
    "pouch": lambda design, rng, crumple, _: pouch(design, rng, crumple),
    "mailer": lambda design, rng, crumple, _: mailer(design, rng, crumple),
    "bottle": lambda design, rng, _, __: vessel(design, rng),
    "jar": lambda design, rng, _, __: vessel(design, rng),
    "tube": lambda design, rng, crumple, _: tube(design, rng, crumple),
    "book": lambda design, rng, crumple, _: book(design, rng, crumple),
    "wrapped_book": lambda design, rng, crumple, _: book(design, rng, crumple),
    "blister": lambda design, rng, _, missing: blister(design, rng, missing),
    "multipack": multipack,
}
