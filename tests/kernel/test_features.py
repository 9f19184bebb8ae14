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


def test_the_embedding_of_a_capture_is_the_unit_mean_of_its_images() -> None:
    pooled = features.pooled(np.array([[1, 0, 0], [0, 1, 0]], np.float32))
    assert pooled == pytest.approx([2**-0.5, 2**-0.5, 0])


def test_opposite_embeddings_give_no_division_by_zero() -> None:
    assert features.pooled(np.array([[1, 0], [-1, 0]], np.float32)) == pytest.approx([0, 0])
