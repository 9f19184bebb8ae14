"""What a simulated thing is made of: triangles, materials, parts that move, and what it holds.

Units are metres and radians; x and y lie in the tray, z points up at the cameras. Arrays are numpy's; nothing here is
changed in place: whatever bends a thing makes a new one (`dataclasses.replace`).
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.uint8]
Random = np.random.Generator

# Kaputt's seven, in its words. A damage code is a place in this list plus one; 0 is none.
DEFECTS = (
    "deformation",
    "actuation",
    "deconstruction",
    "penetration",
    "superficial",
    "spillage",
    "missing_unit",
)
CODES = {name: code for code, name in enumerate(DEFECTS, start=1)}

# Kaputt's ten.
ITEM_MATERIALS = (
    "book_other",
    "book_paper",
    "book_plastic_tight_wrap",
    "cardboard",
    "other",
    "paper",
    "plastic_bubble_wrap",
    "plastic_hard",
    "plastic_loose_bag",
    "plastic_tight_wrap",
)

Role = Literal["shell", "flap", "cap", "unit", "film", "card", "label", "pages", "spill"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """How a surface answers light.

    Attributes:
        name: For people.
        albedo: sRGB, (H, W, 3) for a picture or (3,) for one colour.
        alpha: (H, W): 0 is a hole through which one sees what lies behind, 255 is there; None: no holes.
        opacity: How much of what lies behind the surface is hidden, 0 to 1: 1 for carton, 0.1 for clear film.
        roughness: 0.05 for glossy film, 0.35 for coated carton, 0.8 for kraft paper and cloth.
        specular: Reflectance seen head-on: 0.04 for plastic and varnish, 0.02 for bare paper.
        metal: Foil: the reflection takes the albedo's colour, and there is little else.
        bump: (H, W) float32, height in millimetres, over the texture; only tilts the normal. None: flat.
        inside: sRGB of its back, (3,); None: the same as outside.
        marks: (H, W): damage code of each texel (0: none); None: none anywhere.
        print: (H, W): 255 where art shows damage that is only printed; None: nowhere.
    """

    name: str
    albedo: Bytes
    alpha: Bytes | None = None
    opacity: float = 1.0
    roughness: float = 0.5
    specular: float = 0.04
    metal: bool = False
    bump: Floats | None = None
    inside: Bytes | None = None
    marks: Bytes | None = None
    print: Bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mesh:
    """Triangles with texture.

    Attributes:
        vertices: (V, 3) float32, metres.
        faces: (F, 3) int32, counter-clockwise seen from outside.
        uv: (F, 3, 2) float32 of each corner: u to the right, v down, 0 to 1 over the material's picture.
        material: (F,) int32, the place in the item's materials.
        smooth: (F,) int32: corners of faces with one number (not 0) that share a vertex share a normal; 0 is flat.
        damage: (F,) uint8: damage code of the face, 0 for none.
    """

    vertices: Floats
    faces: Ints
    uv: Floats
    material: Ints
    smooth: Ints
    damage: Bytes

    def moved(self, rotation: npt.NDArray[Any], shift: npt.NDArray[Any]) -> "Mesh":
        """Turned by a (3, 3) rotation about the origin, then shifted by (3,) metres."""
        turned = self.vertices @ np.asarray(rotation, np.float32).T + np.asarray(shift, np.float32)
        return replace(self, vertices=turned.astype(np.float32))

    @classmethod
    def joined(cls, meshes: "list[Mesh]") -> "Mesh":
        """All in one, vertices not shared between them; smoothing groups stay apart because vertices do."""
        starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])[:-1]
        return cls(
            vertices=np.concatenate([mesh.vertices for mesh in meshes]),
            faces=np.concatenate(
                [mesh.faces + start for mesh, start in zip(meshes, starts, strict=True)]
            ).astype(np.int32),
            uv=np.concatenate([mesh.uv for mesh in meshes]),
            material=np.concatenate([mesh.material for mesh in meshes]),
            smooth=np.concatenate([mesh.smooth for mesh in meshes]),
            damage=np.concatenate([mesh.damage for mesh in meshes]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Hinge:
    """Where a flap turns: about the line through `point` along `axis` (unit), from 0 (shut) to `limit` radians."""

    point: Floats
    axis: Floats
    limit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One piece of an item.

    Attributes:
        name: Unique in the item: "body", "flap_top", "cap", "unit_0", "blister".
        role: What it is.
        mesh: In the item's own coordinates.
        hinge: How it opens; None: it does not.
        loose: True if it can come off whole (a cap, a lid, a unit).
    """

    name: str
    role: Role
    mesh: Mesh
    hinge: Hinge | None = None
    loose: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What an item holds and could spill.

    Attributes:
        kind: powder (flour, coffee), granules (rice, beans, pills), liquid (shampoo, oil), or nothing that spills.
        colour: sRGB, (3,).
        grain: Diameter of a grain in metres; 0 for liquids and none.
    """

    kind: Literal["powder", "granules", "liquid", "none"]
    colour: tuple[int, int, int]
    grain: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One unit of a product as it lies in the booth.

    Attributes:
        parts: Its pieces; the first is the body.
        materials: What the meshes' material numbers point at.
        contents: What it holds.
        rests: (3, 3) rotations in which it lies stably with z up, likeliest first.
        soft: How far its skin gives way without being damaged, 0 (hard plastic) to 1 (loose bag).
    """

    parts: tuple[Part, ...]
    materials: tuple[Material, ...]
    contents: Contents
    rests: tuple[Floats, ...]
    soft: float
