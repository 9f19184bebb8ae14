"""Asks Triton whether a capture shows one of a few products, by laying their references over its pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from services.kernel import model_versions
from services.kernel.faults import DependencyFault
from services.kernel.triton import _Model, _request, _tensor, _test_picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

VERIFICATION_MODEL: Final = "product_verification"
EVIDENCE: Final = 6
#: Evidence is made of logarithms and shares; nothing comes near.
_MOST: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A reference that a capture is held against: whose it is, and its framed picture as JPEG."""

    product_id: str
    crop: bytes


class Verifier(_Model):
    """Asks for what speaks for each of a few references."""

    def __init__(self, address: str, *, timeout_s: float = 20.0) -> None:
        super().__init__(address, VERIFICATION_MODEL, timeout_s)
        #: Learned at the start: there is one version of it, that of the checkout.
        self.versions: dict[str, str] = {}

    async def _try(self) -> None:
        self.versions = {model_versions.key_of(VERIFICATION_MODEL): await self._version()}
        await self.verify([_test_picture()], [Held(product_id="", crop=_test_picture())])

    async def verify(self, query: Sequence[bytes], held: Sequence[Held]) -> npt.NDArray[np.float32]:
        """(held, 6): what speaks for each, in the order of `triton_models.mmid_evidence.NAMES`; 0 if nothing does.

        Args:
            query: JPEGs of one capture's framed pictures.
            held: References.

        Raises:
            DataFault: a picture cannot be decoded.
            DependencyFault: Triton is gone, too slow, too busy, or its answer is not what was asked for.
        """
        rows = {
            "QUERY": query,
            "REFERENCES": [one.crop for one in held],
            "PRODUCTS": [one.product_id.encode() for one in held],
        }
        request = _request(VERIFICATION_MODEL, rows, self._timeout_s, batched=False)
        return read_evidence(await self._ask(request), len(held))


def read_evidence(answer: Any, references: int) -> npt.NDArray[np.float32]:
    """The tensor of an answer, after checking that it is what was asked for.

    Raises:
        DependencyFault: it is missing, has another type, shape or length, or holds no sensible numbers.
    """
    raw = {o.name: (o, c) for o, c in zip(answer.outputs, answer.raw_output_contents, strict=False)}
    found: npt.NDArray[np.float32] = _tensor(raw, "EVIDENCE", "FP32", (references, EVIDENCE), np.dtype("<f4"))
    if not np.all(np.abs(found) < _MOST):
        msg = "Triton's evidence for products holds no sensible numbers; restart it and look at its log"
        raise DependencyFault(msg)
    return found
