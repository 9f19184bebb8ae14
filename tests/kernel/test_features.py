from __future__ import annotations

import numpy as np
import pytest

from services.kernel import features
from services.kernel.faults import DataFault

EMBEDDINGS = np.eye(3, 256, dtype=np.float32)
CROPS = (b"\xff\xd8\xffone", b"\xff\xd8\xfftwo pictures", b"\xff\xd8\xff")
WHOLE = features.pack(EMBEDDINGS, CROPS)


def test_what_is_packed_is_unpacked() -> None:
    found = features.unpack(WHOLE)
    assert found.crops == CROPS
    assert np.array_equal(found.embeddings, EMBEDDINGS)


@pytest.mark.parametrize(
    "data",
    [b"", b"IPF1\x01\x00", WHOLE[:-1], WHOLE + b"x", WHOLE[:300], features.pack(EMBEDDINGS[:0], ())],
    ids=["nothing", "an earlier release's", "cut off", "too long", "cut in an embedding", "of no images"],
)
def test_anything_else_is_the_datas_fault(data: bytes) -> None:
    with pytest.raises(DataFault) as caught:
        features.unpack(data)
    assert caught.value.reason == "bad_features"


def test_every_cut_is_noticed() -> None:
    for end in range(len(WHOLE)):
        with pytest.raises(DataFault):
            features.unpack(WHOLE[:end])
