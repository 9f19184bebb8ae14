"""One capture against the references of its product: what is there that should not be, what is missing, and where.

Imports nothing of Triton and no torch: measuring and serving run this same file.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
from aligning import Alignment, Look, align, look, pair
from numpy.typing import NDArray

Floats = NDArray[np.float32]

HEAT: Final = 16
"""Cells on a side of the heat map."""
KEPT: Final = 192
"""Looks at references that stay in memory, some 0.5 MB each; those least recently used go first."""
_CLEAR: Final = 2
"""Clear references of this print after which no more are looked at, whatever they say."""
_MOST: Final = 3
"""References that are compared where none is clear, the most alike."""
_EXCUSED: Final = 0.0
"""Logit of changed and of missing below which one clear reference of this print is enough."""
_INLIERS: Final = 30
_LIKENESS: Final = 0.6
_TRUSTED: Final = 0.25
"""Likeness less than the best, up to which a reference has a say."""
_SAME: Final = 1.5
"""Mismatch more than the best, in logits, up to which a reference has a say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One picture of a capture against one reference: logits.

    Attributes:
        picture: Place of the picture in the capture.
        reference: Place of the reference in the gallery.
        inliers: Local features that agree on how it lies.
        likeness: Correlation of brightness.
        scores: (3,) changed, missing, mismatch.
        heat: (2, 16, 16) foreign, missing.
    """

    picture: int
    reference: int
    inliers: int
    likeness: float
    scores: Floats
    heat: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What all of it comes to.

    Attributes:
        scores: (6,) logits of changed, missing, mismatch; inliers (0: nothing registered), picture, reference.
        heat: (2, 16, 16) logits: foreign, missing; in the frame of that picture.
    """

    scores: Floats
    heat: NDArray[np.float16]


class Comparison:
    """Compares captures with references; keeps what it knows of references by their content."""

    def __init__(self, network: Path, kept: int = KEPT) -> None:
        """`network` as `intact export` wrote it; runs on one thread."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        # An idle instance must cost nothing: without this its threads spin between requests.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.inter_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
        self._looks: OrderedDict[bytes, Look] = OrderedDict()
        self._kept = kept

    def answer(self, pictures: Sequence[bytes], references: Sequence[bytes]) -> Answer:
        """JPEG or PNG bytes of a capture's framed pictures, and of references.

        Raises:
            DecodeError: One of them is no picture.
        """
        return answer_of(self.compared(pictures, references))

    def compared(self, pictures: Sequence[bytes], references: Sequence[bytes]) -> list[Compared]:
        """Each picture against the references that it takes to be sure, until one picture is."""
        looks = [self._look(data) for data in references]
        found: list[Compared] = []
        for place, data in enumerate(pictures):
            if not looks:
                break
            query = look(data)
            # What another picture of the same capture lies on is the best guess for this one.
            known = [one.reference for one in found]
            order = sorted(range(len(looks)), key=lambda at: at not in known)
            found += self._picture(place, query, looks, order)
            if any(_is_sure(one) for one in found):
                break  # references show the side that this picture shows; another picture costs as much again
        return found

    def _picture(self, place: int, query: Look, looks: Sequence[Look], order: list[int]) -> list[Compared]:
        """Against one reference after the other, the cheap way, until they settle it; if none can, the costly way."""
        found: list[Compared] = []
        for at in order:
            alignment = align(query, looks[at], guess=False)
            if alignment is not None and _is_clear(alignment):
                found += self._judged(place, query, looks, [(at, alignment)])
                if _settled(found):
                    return found
        if not any(_is_same(one) for one in found):
            left = [at for at in order if at not in {one.reference for one in found}]
            laid = _laid(query, looks, left)
            if laid:
                found += self._judged(place, query, looks, laid)
        return found

    def _judged(
        self, place: int, query: Look, looks: Sequence[Look], laid: list[tuple[int, Alignment]]
    ) -> list[Compared]:
        pairs = [pair(query, looks[at], alignment) for at, alignment in laid]
        scores, heat = self._session.run(
            ["SCORES", "HEAT"],
            {
                "QUERY": pairs[0].query[None],
                "REFERENCE": np.stack([one.reference for one in pairs]),
                "VALID": np.stack([one.valid for one in pairs]),
                "FACTS": np.stack([one.facts for one in pairs]),
            },
        )
        return [
            Compared(
                picture=place,
                reference=at,
                inliers=alignment.inliers,
                likeness=alignment.likeness,
                scores=scores[row],
                heat=heat[row],
            )
            for row, (at, alignment) in enumerate(laid)
        ]

    def _look(self, data: bytes) -> Look:
        key = hashlib.sha256(data).digest()
        kept = self._looks.get(key)
        if kept is None:
            kept = look(data)
            self._looks[key] = kept
            if len(self._looks) > self._kept:
                self._looks.popitem(last=False)
        else:
            self._looks.move_to_end(key)
        return kept


def _laid(query: Look, looks: Sequence[Look], order: Iterable[int]) -> list[tuple[int, Alignment]]:
    """The references most alike of those that register."""
    tried = ((at, align(query, looks[at])) for at in order)
    found = [(at, alignment) for at, alignment in tried if alignment is not None]
    return sorted(found, key=lambda one: -one[1].likeness)[:_MOST]


def _settled(found: Sequence[Compared]) -> bool:
    """Whether more references would change little: one has all that the picture has, or enough have not.

    The answer is the least of what the references say, so that none can accuse what another excuses.
    """
    same = [one for one in found if _is_same(one)]
    return len(same) >= _CLEAR or any(float(one.scores[:2].max()) < _EXCUSED for one in same)


def _is_clear(one: Alignment | Compared) -> bool:
    return one.inliers >= _INLIERS and one.likeness >= _LIKENESS


def _is_same(one: Compared) -> bool:
    """Whether the reference shows this very print."""
    return float(one.scores[2]) < 0


def _is_sure(one: Compared) -> bool:
    return _is_clear(one) and _is_same(one)


def answer_of(found: Sequence[Compared]) -> Answer:
    """One answer; a reference may be damaged itself, so content is foreign only if none of those that fit has it."""
    if not found:
        return Answer(scores=np.zeros(6, np.float32), heat=np.zeros((2, HEAT, HEAT), np.float16))
    groups = [
        _agreed([one for one in found if one.picture == place])
        for place in sorted({one.picture for one in found})
    ]
    # A picture that shows this very print says more than one that may show another.
    same = [one for one in groups if one.scores[2] < 0] or [min(groups, key=lambda one: one.scores[2])]
    chosen = max(same, key=lambda one: float(one.scores[:2].max()))
    changed, missing = (max(float(one.scores[at]) for one in same) for at in (0, 1))
    mismatch = min(float(one.scores[2]) for one in same)
    scores = [changed, missing, mismatch, chosen.inliers, chosen.picture, chosen.reference]
    return Answer(scores=np.array(scores, np.float32), heat=chosen.heat.astype(np.float16))


def _agreed(found: Sequence[Compared]) -> Compared:
    """All that one picture's references say."""
    fit = min(float(one.scores[2]) for one in found)
    fitting = [one for one in found if one.scores[2] <= fit + _SAME]
    best = max(fitting, key=lambda one: one.likeness)
    trusted = [one for one in fitting if one.likeness >= best.likeness - _TRUSTED]
    scores = np.array([one.scores for one in trusted])
    heat = np.array([one.heat for one in trusted])
    return Compared(
        picture=best.picture,
        reference=best.reference,
        inliers=best.inliers,
        likeness=best.likeness,
        scores=np.array([scores[:, 0].min(), scores[:, 1].min(), fit], np.float32),
        heat=np.asarray(heat.min(axis=0), np.float32),
    )
