"""Actuation and deconstruction: flaps that stand open, loosened caps, seams that gave way, parts that came off."""

from dataclasses import replace
from typing import Literal

import numpy as np

from triton_models.simulator.damage_brush import Brush, Patch, painted
from triton_models.simulator.damage_surface import seen_frame
from triton_models.simulator.damage_tears import (
    Cut,
    Sheet,
    contents_material,
    cut_layers,
    make_cut,
    only_inside,
    torn,
)
from triton_models.simulator.damage_tools import (
    Array,
    Frame,
    all_vertices,
    coded,
    face_normals,
    finer,
    frame_at,
    grid_mesh,
    look_up,
    main_axes,
    noise_tile,
    unit,
)
from triton_models.simulator.things import CODES, Floats, Hinge, Item, Mesh, Part, Random

OPEN = CODES["actuation"]
APART = CODES["deconstruction"]
FIBRE = np.array([226, 214, 192], np.float32)
Severity = Literal["minor", "major"]


def actuation(item: Item, severity: Severity, up: Floats, rng: Random) -> Item | None:
    """The item opened: by its flaps, its cap, its film or its seam, whichever it has; None if nothing opens."""
    films = [part for part in item.parts if part.role == "film"]
    if films and len(item.parts) > 1:
        return _unwrapped(item, severity, up, rng)
    if any(part.hinge is not None for part in item.parts):
        opened = _flaps(item, severity, up, rng)
        if opened is not None:
            return opened
    if any(part.role == "cap" for part in item.parts):
        return _loosened(item, severity, up, rng)
    if item.soft >= 0.55:
        return _seam(item, severity, up, rng)
    return None


def rotation(axis: Array, angle: float) -> Floats:
    """(3, 3) about a unit axis."""
    x, y, z = np.asarray(axis, np.float64) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray((np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross), np.float32)


# ------------------------------------------------------------------------------------------------ opened


def _turned(part: Part, hinge: Hinge, angle: float) -> Mesh:
    """The flap at an angle, the fold itself bent over a few millimetres, not a knife's edge."""
    away = part.mesh.vertices - hinge.point
    along = away @ hinge.axis
    far = np.linalg.norm(away - along[:, None] * hinge.axis, axis=1)
    share = np.clip(0.35 + far / 0.012, 0, 1)
    height = max(float(far.max()), 1e-3)
    # Board springs: the far edge hangs back a little.
    angles = angle * share * (1 - 0.08 * (far / height) ** 2)
    moved = np.empty_like(part.mesh.vertices)
    cosine, sine = np.cos(angles)[:, None], np.sin(angles)[:, None]
    axis = hinge.axis / np.linalg.norm(hinge.axis)
    moved[:] = (
        hinge.point + away * cosine + np.cross(axis, away) * sine + axis * along[:, None] * (1 - cosine)
    )
    return replace(part.mesh, vertices=moved.astype(np.float32))


def _outward(part: Part, hinge: Hinge, centre: Floats) -> float:
    """1 or -1: which way about its axis the flap leaves the item."""
    one = _turned(part, hinge, 0.5).vertices.mean(axis=0) - centre
    other = _turned(part, hinge, -0.5).vertices.mean(axis=0) - centre
    return 1.0 if np.linalg.norm(one) >= np.linalg.norm(other) else -1.0


def _reachable(part: Part, wish: float, floor: float, up: Floats, centre: Floats) -> float:
    """The widest angle up to `wish` at which the flap stays above the tray; 0 if it cannot open."""
    hinge = part.hinge
    if hinge is None:
        return 0.0
    sign = _outward(part, hinge, centre)
    angle = min(wish, hinge.limit)
    while angle > 0.12:
        if float((_turned(part, hinge, sign * angle).vertices @ up).min()) > floor - 0.0015:
            return sign * angle
        angle *= 0.8
    return 0.0


def _flaps(item: Item, severity: Severity, up: Floats, rng: Random) -> Item | None:
    """One flap ajar (minor), or a side opened wide with all its flaps (major)."""
    vertices = all_vertices(item)
    floor, centre = float((vertices @ up).min()), (vertices.max(axis=0) + vertices.min(axis=0)) / 2
    hinged = [part for part in item.parts if part.hinge is not None]
    wish = float(np.deg2rad(rng.uniform(14, 30) if severity == "minor" else rng.uniform(60, 150)))
    # The outermost flap of its side opens first; inner ones can only follow it.
    weights = []
    for part in hinged:
        angle = abs(_reachable(part, wish, floor, up, centre))
        covered = any(_covers(other, part, centre) for other in hinged if other is not part)
        high = float((part.mesh.vertices @ up).mean()) - floor
        weights.append(
            0.0
            if covered or angle < 0.5 * min(wish, 0.6)
            else 0.15 + high / max(float(np.ptp(vertices @ up)), 1e-3)
        )
    if not any(weights):
        return None
    chosen = hinged[int(rng.choice(len(hinged), p=np.array(weights) / sum(weights)))]
    angles = {chosen.name: _reachable(chosen, wish, floor, up, centre)}
    if severity == "major":
        for part in hinged:
            if part is not chosen and (_covers(chosen, part, centre) or _beside(chosen, part)):
                share = float(rng.uniform(0.35, 1.1))
                angles[part.name] = _reachable(part, wish * share, floor, up, centre)
    parts = []
    for part in item.parts:
        if part.hinge is not None and abs(angles.get(part.name, 0.0)) > 0:
            parts.append(replace(part, mesh=coded(_turned(part, part.hinge, angles[part.name]), OPEN)))
        elif part.role == "label":
            parts.append(_carried(part, [p for p in hinged if abs(angles.get(p.name, 0.0)) > 0], angles))
        else:
            parts.append(part)
    opened = replace(item, parts=tuple(parts))
    return _crumpled_flap(opened, chosen.name, rng)


def _carried(label: Part, flaps: list[Part], angles: dict[str, float]) -> Part:
    """A label or tape: what sticks to an opened flap goes with it, and tears where it bridges the gap."""
    mesh = label.mesh
    owner = np.full(len(mesh.vertices), -1)
    moved = mesh.vertices.copy()
    # Of flaps on one another the outermost, which comes last in depth, carries it.
    for number, flap in enumerate(flaps):
        away = unit(_out(flap))
        inside = frame_at(flap.mesh.vertices.mean(axis=0), away, 0.0)
        skin, here = inside.local(flap.mesh.vertices), inside.local(mesh.vertices)
        margin = np.array([0.0005, 0.0005, 0.002], np.float32)
        on = ((here > skin.min(axis=0) - margin) & (here < skin.max(axis=0) + margin)).all(axis=1)
        on &= owner < 0
        if on.any() and flap.hinge is not None:
            owner[on] = number
            moved[on] = _turned(replace(flap, mesh=mesh), flap.hinge, angles[flap.name]).vertices[on]
    corners = owner[mesh.faces]
    whole = (corners == corners[:, :1]).all(axis=1)
    if (owner < 0).all():
        return label
    return replace(
        label,
        mesh=Mesh(
            vertices=moved.astype(np.float32),
            faces=mesh.faces[whole],
            uv=mesh.uv[whole],
            material=mesh.material[whole],
            smooth=mesh.smooth[whole],
            damage=np.where((corners >= 0).any(axis=1)[whole], OPEN, mesh.damage[whole]).astype(np.uint8),
        ),
    )


def _out(part: Part) -> Floats:
    """The flap's own normal, (3,)."""
    corners = part.mesh.vertices[part.mesh.faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    spread = part.mesh.vertices - part.mesh.vertices.mean(axis=0)
    flat = np.linalg.svd(spread[:: max(1, len(spread) // 400)], full_matrices=False)[2][2]
    return unit(flat * (1.0 if float(cross.sum(axis=0) @ flat) >= 0 else -1.0))


def _covers(outer: Part, inner: Part, centre: Floats) -> bool:
    """Whether one flap lies on the outside of another on the same side of the item."""
    normal = _out(outer)
    middle = outer.mesh.vertices.mean(axis=0)
    if float(np.abs(normal).max()) > 0.95:
        # A flap sits a little aslant; what counts is the side of the item that it closes.
        normal = np.rint(normal).astype(np.float32)
    normal = normal if float((middle - centre) @ normal) >= 0 else -normal
    if abs(float(_out(inner) @ normal)) < 0.9:
        return False
    gap = float((middle - inner.mesh.vertices.mean(axis=0)) @ normal)
    plane = frame_at(middle, normal, 0.0)
    one, other = (plane.local(part.mesh.vertices)[:, :2] for part in (outer, inner))
    overlap = np.minimum(one.max(axis=0), other.max(axis=0)) - np.maximum(one.min(axis=0), other.min(axis=0))
    return bool(0.0001 < gap < 0.02 and (overlap > 0.004).all())


def _beside(one: Part, other: Part) -> bool:
    """Whether two flaps close the same side."""
    first, second = _out(one), _out(other)
    gap = abs(float((one.mesh.vertices.mean(axis=0) - other.mesh.vertices.mean(axis=0)) @ first))
    return abs(float(first @ second)) > 0.9 and gap < 0.012


def _crumpled_flap(item: Item, name: str, rng: Random) -> Item:
    """A slight twist of the opened flap: it was not opened by a machine."""
    amount = float(rng.uniform(-0.05, 0.05))

    def twist(part: Part) -> Part:
        if part.name != name or part.hinge is None:
            return part
        away = part.mesh.vertices - part.hinge.point
        along = away @ part.hinge.axis
        far = away - along[:, None] * part.hinge.axis
        run = along / max(float(np.ptp(along)), 1e-3)
        lift = np.cross(part.hinge.axis, far) * (amount * run)[:, None]
        return replace(part, mesh=replace(part.mesh, vertices=(part.mesh.vertices + lift).astype(np.float32)))

    return replace(item, parts=tuple(twist(part) for part in item.parts))


def _loosened(item: Item, severity: Severity, up: Floats, rng: Random) -> Item:
    """The cap lifted along its axis and tilted: a little off its thread, or hanging off the neck."""
    cap = next(part for part in item.parts if part.role == "cap")
    centre = cap.mesh.vertices.mean(axis=0)
    body = item.parts[0].mesh.vertices
    middle = (body.max(axis=0) + body.min(axis=0)) / 2
    out = np.zeros(3, np.float32)
    place = int(np.argmax(np.abs(centre - middle)))
    out[place] = np.sign(centre[place] - middle[place])
    high = float(np.ptp(cap.mesh.vertices @ out))
    if severity == "minor":
        tilt, lift = float(np.deg2rad(rng.uniform(7, 13))), float(min(rng.uniform(0.25, 0.45) * high, 0.006))
    else:
        tilt, lift = float(np.deg2rad(rng.uniform(24, 40))), float(rng.uniform(0.65, 0.9) * high)
    side = unit(np.cross(out, unit(rng.standard_normal(3)).astype(np.float32)))
    turn = rotation(side, tilt)
    slip = np.cross(side, out) * float(rng.uniform(0.0, 0.2) * high)
    mesh = cap.mesh.moved(turn, centre - turn @ centre + out * lift + slip)
    floor = float((all_vertices(item) @ up).min())
    mesh = mesh.moved(np.eye(3), up * max(0.0, floor - float((mesh.vertices @ up).min())))
    return replace(
        item, parts=tuple(replace(p, mesh=coded(mesh, OPEN)) if p is cap else p for p in item.parts)
    )


def _unwrapped(item: Item, severity: Severity, up: Floats, rng: Random) -> Item:
    """The film around it torn open: a flap of it folded back."""
    cut = make_cut(item, severity, up, rng)
    frame = seen_frame(item, up, rng, spread=60)
    least = float(main_axes(item, up)[2][1])
    length = float(min(0.03, 0.3 * least) if severity == "minor" else rng.uniform(0.4, 0.6) * least)
    cut = replace(
        cut, frame=frame, shape="flap", length=length, width=float(length * rng.uniform(0.6, 0.9)), code=OPEN
    )
    return torn(item, cut, rng, lining=False)


def _seam(item: Item, severity: Severity, up: Floats, rng: Random) -> Item:
    """A soft bag's end open: its upper sheet lifted off the lower one, the seam ragged, the contents in the mouth."""
    first, second, extents = main_axes(item, up)
    vertices = all_vertices(item)
    out = first * float(rng.choice([-1, 1]))
    end = float((vertices @ out).max())
    centre = float((vertices @ second).max() + (vertices @ second).min()) / 2
    wide = float(extents[1] * (rng.uniform(0.28, 0.4) if severity == "minor" else rng.uniform(0.7, 0.95))) / 2
    gap = float(rng.uniform(0.008, 0.013) if severity == "minor" else rng.uniform(0.022, 0.04))
    shift = 0.0 if severity == "major" else float(rng.uniform(-0.25, 0.25) * extents[1])
    deep = float(np.clip(2.6 * gap, 0.02, 0.3 * extents[0]))
    tile = noise_tile(rng, 0.4)
    middle = unit(up)
    corner = out * (end - deep / 2) + second * (centre + shift)
    lowest, highest = float((vertices @ up).min()), float((vertices @ up).max())
    frame = Frame(
        point=(corner + middle * (lowest + highest) / 2).astype(np.float32),
        axes=np.stack([out, np.cross(middle, out), middle]).astype(np.float32),
    )
    ragged = 0.0015 if severity == "minor" else 0.004

    def tear(patch: Patch) -> None:
        left = deep / 2 - patch.at[..., 0]
        b = patch.at[..., 1]
        profile = np.clip(1 - (b / wide) ** 2, 0, 1)
        edge = ragged * profile * (1 + 1.6 * look_up(tile, b, 0 * b, 0.03)) + 0.002 * profile
        patch.alpha = np.where(patch.there & (left < edge) & (profile > 0), 0, patch.alpha).astype(np.float32)
        rim = np.exp(-(((left - edge) / 0.0011) ** 2)) * (profile > 0)
        patch.blend(0.8 * rim, np.array([240.0, 240.0, 236.0]))
        stretch = np.clip(1 - left / deep, 0, 1) * profile
        patch.bump += stretch * 0.8 * look_up(tile, patch.at[..., 0] * 0.2, b, 0.035)
        patch.mark((stretch > 0.25) & (left > -0.01), OPEN)

    reach = max(wide, deep) + 0.01
    upper = painted(item, Brush(frame=frame, reach=reach, facing=0.05), tear)
    parts = []
    for part in upper.parts:
        mesh = finer(part.mesh, frame, reach, 0.004)
        parts.append(replace(part, mesh=_parted(mesh, frame, (wide, deep, gap), tile)))
    mouth = _mouth(item, frame, (wide, deep, gap), rng)
    material = contents_material(item, rng, 2 * wide)
    mouth = replace(mouth, material=np.full(len(mouth.faces), len(upper.materials), np.int32))
    parts.append(Part(name=f"inside_{len(parts)}", role="unit", mesh=mouth))
    return replace(upper, parts=tuple(parts), materials=(*upper.materials, material))


def _parted(mesh: Mesh, frame: Frame, sizes: tuple[float, float, float], tile: Floats) -> Mesh:
    """The sheets that look up lifted off those that look down, near the end."""
    wide, deep, gap = sizes
    above = face_normals(mesh) @ frame.axes[2] > 0.0
    # Vertices of their own for the lower sheet, or both would rise.
    count = len(mesh.vertices)
    faces = np.where(above[:, None], mesh.faces, mesh.faces + count).astype(np.int32)
    vertices = np.concatenate([mesh.vertices, mesh.vertices])
    local = frame.local(mesh.vertices)
    run = np.clip((local[:, 0] + deep / 2) / deep, 0, 1.2)
    profile = np.clip(1 - (local[:, 1] / wide) ** 2, 0, 1)
    wave = 1 + 0.35 * look_up(tile, local[:, 1], local[:, 0], 0.12)
    lift = gap * profile * wave * run**1.6 * (local[:, 0] > -deep / 2)
    moved = vertices.copy()
    moved[:count] += lift[:, None] * frame.axes[2] - (0.25 * lift)[:, None] * frame.axes[0]
    used, fresh = np.unique(faces, return_inverse=True)
    shifts = np.concatenate([lift, np.zeros(count, np.float32)])
    near = (shifts[faces].max(axis=1) > 0.0015) | (
        np.concatenate([run * profile, run * profile])[faces].max(axis=1) > 0.6
    )
    return replace(
        mesh,
        vertices=moved[used].astype(np.float32),
        faces=fresh.reshape(faces.shape).astype(np.int32),
        damage=np.where(near, OPEN, mesh.damage).astype(np.uint8),
    )


def _mouth(item: Item, frame: Frame, sizes: tuple[float, float, float], rng: Random) -> Mesh:
    """The contents' surface that one sees in the open mouth: it rises from the lower sheet further in."""
    wide, deep, gap = sizes
    a, b = np.meshgrid(np.linspace(-1.2, 0.25, 16) * deep, np.linspace(-0.9, 0.9, 20) * wide)
    tile = noise_tile(rng, 0.6)
    vertices = frame.local(all_vertices(item))
    near = (np.abs(vertices[:, 0] - deep / 2) < 0.6 * deep) & (np.abs(vertices[:, 1]) < wide)
    base = float(np.median(vertices[near, 2])) if near.any() else 0.0
    run = np.clip((0.25 * deep - a) / (1.45 * deep), 0, 1)
    c = base + 0.0008 + 0.8 * gap * np.clip(1 - (b / wide) ** 2, 0, 1) * run * (1 - run) * 1.6
    c = c + 0.0012 * look_up(tile, a, b, 0.05)
    uv = np.stack([(a / deep + 1.2) / 1.45, b / (1.8 * wide) + 0.5], -1)
    return grid_mesh(
        frame.world(np.stack([a, b, c], -1)), uv.astype(np.float32), np.ones(a.shape, bool), OPEN
    )


# ------------------------------------------------------------------------------------------------ apart


def deconstruction(item: Item, severity: Severity, up: Floats, rng: Random) -> Item | None:
    """The item with something that belongs to it lying beside: a cap, a unit, a flap torn off, or a torn-out piece."""
    caps = [part for part in item.parts if part.role == "cap"]
    units = [part for part in item.parts if part.loose and part.role in {"unit", "card"}]
    flaps = [part for part in item.parts if part.hinge is not None]
    if caps:
        return _beside_it(item, [caps[0]], severity, up, rng)
    if units:
        count = 1 if severity == "minor" else int(min(len(units), rng.integers(2, 4)))
        high = sorted(units, key=lambda part: -float((part.mesh.vertices @ up).mean()))[
            : max(count, len(units) // 2 + 1)
        ]
        chosen = [high[int(k)] for k in rng.permutation(len(high))[:count]]
        return _beside_it(_opened_for(item, chosen, up, rng), chosen, severity, up, rng)
    vertices = all_vertices(item)
    centre = (vertices.max(axis=0) + vertices.min(axis=0)) / 2
    free = [
        part
        for part in flaps
        if not any(_covers(other, part, centre) for other in flaps if other is not part)
    ]
    if free and (severity == "major" or len(free) > 1):
        high = sorted(free, key=lambda part: -float((part.mesh.vertices @ up).mean()))
        # What was wrapped or taped over it is off as well.
        bare = replace(
            item, parts=tuple(part for part in item.parts if part.role != "film" and part.name != "tape")
        )
        return _beside_it(bare, [high[0]], severity, up, rng)
    return _torn_off(item, severity, up, rng)


def _opened_for(item: Item, chosen: list[Part], up: Floats, rng: Random) -> Item:
    """The film over the units that fell out torn open; they themselves untouched."""
    films = [part for part in item.parts if part.role == "film" or part.name == "blister"]
    if not films:
        return item
    middle = np.mean([part.mesh.vertices.mean(axis=0) for part in chosen], axis=0)
    size = float(max(np.ptp(chosen[0].mesh.vertices, axis=0)))
    cut = make_cut(item, "major", up, rng)
    frame = frame_at(
        middle + up * float((films[0].mesh.vertices @ up).max() - middle @ up),
        up,
        float(rng.uniform(0, 6.28)),
    )
    cut = replace(cut, frame=frame, shape="hole", length=1.1 * size, width=0.9 * size, code=APART)
    return torn(item, cut, rng, lining=False)


def _lying(mesh: Mesh, up: Floats, rng: Random) -> Mesh:
    """The part turned as a loose thing comes to lie: flat on its largest side or rolled over, and any way round."""
    middle = mesh.vertices.mean(axis=0)
    spread = mesh.vertices - middle
    axes = np.linalg.svd(spread[:: max(1, len(spread) // 500)], full_matrices=False)[2]
    extents = [float(np.ptp(spread @ axis)) for axis in axes]
    order = np.argsort(extents)
    pick = int(order[0] if extents[order[0]] < 0.6 * extents[order[1]] else rng.choice(order[:2]))
    down = axes[pick] * float(rng.choice([-1, 1]))
    corners = mesh.vertices[mesh.faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    looks = float((cross @ down).sum())
    if looks < 0 and rng.random() < 0.5:
        # A sheet lies with its print up more often than not.
        down = -down
    side = axes[(pick + 1) % 3]
    basis = np.stack([side, np.cross(down, side), down])
    goal = frame_at(np.zeros(3), up, float(rng.uniform(0, 2 * np.pi))).axes
    turn = goal.T @ basis
    return mesh.moved(turn, -turn @ middle)


def _put_beside(mesh: Mesh, item: Item, up: Floats, rng: Random) -> Mesh:
    """The part (about the origin) set down on the tray beside the item, clear of it, at most 12 cm from its rim."""
    plane = frame_at(np.zeros(3), up, 0.0)
    body = plane.local(all_vertices(item))
    part = plane.local(mesh.vertices)
    angle = float(rng.uniform(0, 2 * np.pi))
    way = np.array([np.cos(angle), np.sin(angle)], np.float32)
    centre = (body[:, :2].max(axis=0) + body[:, :2].min(axis=0)) / 2
    beyond = float(((body[:, :2] - centre) @ way).max() - (part[:, :2] @ way).min())
    place = centre + way * (beyond + float(rng.uniform(0.004, 0.03)))
    lift = float(body[:, 2].min() - part[:, 2].min())
    shift = plane.turned(np.array([place[0], place[1], lift], np.float32))
    return mesh.moved(np.eye(3), shift)


def _beside_it(item: Item, chosen: list[Part], severity: Severity, up: Floats, rng: Random) -> Item:
    """The item without these parts, which lie beside it, and what they left behind marked."""
    names = {part.name for part in chosen}
    rest = replace(item, parts=tuple(part for part in item.parts if part.name not in names))
    for part in chosen:
        rest = _scar(rest, part, severity, rng)
    laid = rest
    for part in chosen:
        mesh = coded(_put_beside(_lying(part.mesh, up, rng), laid, up, rng), APART)
        laid = replace(laid, parts=(*laid.parts, replace(part, mesh=mesh, hinge=None)))
    return laid


def _scar(item: Item, part: Part, severity: Severity, rng: Random) -> Item:
    """The faces around the place that the part left carry the code; a torn-off flap leaves bare fibres there."""
    low, high = part.mesh.vertices.min(axis=0) - 0.004, part.mesh.vertices.max(axis=0) + 0.004
    if part.hinge is not None:
        hinge = part.hinge
        ends = part.mesh.vertices @ hinge.axis
        middle = hinge.point + hinge.axis * float((ends.max() + ends.min()) / 2 - hinge.point @ hinge.axis)
        away = unit(middle - all_vertices(item).mean(axis=0))
        frame = frame_at(middle, away, 0.0, hinge.axis)
        tile = noise_tile(rng, 0.4)
        reach = float(np.ptp(ends) / 2 + 0.004)
        deep = 0.004 if severity == "minor" else 0.008

        def fray(patch: Patch) -> None:
            along, off = patch.at[..., 1], np.hypot(patch.at[..., 0], patch.at[..., 2])
            bare = np.clip(
                (deep * (0.5 + 0.9 * np.clip(look_up(tile, along, off, 0.03), -0.5, 1)) - off) / 0.0006, 0, 1
            )
            patch.blend(0.95 * bare, FIBRE)
            patch.bump += 0.3 * bare * look_up(tile, off, along, 0.01)
            patch.mark(bare > 0.4, APART)

        return painted(item, Brush(frame=frame, reach=reach, facing=-0.3), fray)
    parts = []
    for other in item.parts:
        middles = other.mesh.vertices[other.mesh.faces].mean(axis=1)
        inside = ((middles > low) & (middles < high)).all(axis=1)
        parts.append(replace(other, mesh=coded(other.mesh, APART, inside)))
    return replace(item, parts=tuple(parts))


def _torn_off(item: Item, severity: Severity, up: Floats, rng: Random) -> Item | None:
    """A piece of the skin torn out, lying beside the item."""
    cut = make_cut(item, "major", up, rng)
    size = float(main_axes(item, up)[2][1]) * float(
        rng.uniform(0.2, 0.26) if severity == "minor" else rng.uniform(0.38, 0.55)
    )
    size = float(np.clip(size, 0.02, 0.1))
    cut = replace(
        cut,
        shape="hole",
        length=size * float(rng.uniform(1.0, 1.4)),
        width=size,
        code=APART,
        ragged=0.05 * size,
    )
    holed = torn(item, cut, rng)
    # The piece: the same print, alpha the other way round.
    from_source = _piece(item, cut)
    if from_source is None:
        return None
    mesh, source = from_source
    shift = len(holed.materials)
    mesh = replace(mesh, material=(mesh.material + shift).astype(np.int32))
    curled = replace(mesh, vertices=mesh.vertices - mesh.vertices.mean(axis=0))
    laid = _put_beside(_lying(curled, up, rng), holed, up, rng)
    part = Part(name=f"piece_{len(holed.parts)}", role="shell", mesh=laid)
    return replace(holed, parts=(*holed.parts, part), materials=(*holed.materials, *source.materials))


def _piece(item: Item, cut: Cut) -> tuple[Mesh, Item] | None:
    """The torn-out piece as a slightly curled sheet, and the item whose materials it wears."""
    names = cut_layers(item, cut.frame)
    brush = Brush(frame=cut.frame, reach=cut.reach, facing=0.25, names=names)
    source = painted(item, brush, lambda patch: only_inside(patch, cut))
    sheet = Sheet.of(source, names, cut.frame, cut.reach)
    if not len(sheet.corners):
        return None
    count = 32
    a, b = np.meshgrid(np.linspace(-0.6, 0.6, count) * cut.length, np.linspace(-0.6, 0.6, count) * cut.width)
    there, _, uv, numbers = sheet.find(a.ravel(), b.ravel())
    step = float(max(a[0, 1] - a[0, 0], b[1, 0] - b[0, 0]))
    there = there.reshape(a.shape) & (cut.outside(a, b) < 1.2 * step)
    curl = 0.12 * cut.length * ((a / cut.length) ** 2 * 4) * 0.6 + 0.002 * look_up(cut.tile, a, b, 0.06)
    mesh = grid_mesh(np.stack([a, b, curl], -1).astype(np.float32), uv.reshape(*a.shape, 2), there, cut.code)
    quads = there[:-1, :-1] & there[:-1, 1:] & there[1:, 1:] & there[1:, :-1]
    owner = numbers.reshape(a.shape)[:-1, :-1][quads]
    return replace(mesh, material=np.concatenate([owner, owner]).astype(np.int32)), source
