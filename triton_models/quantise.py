"""An exported network in eight bits: half of the time and a third of the size, and what that costs, measured.

Convolutions and what lies between them become integers (QDQ operators of standard ONNX, which TensorRT reads too);
scales come from pictures that it was trained on. Needs the packages of requirements-train.txt.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from triton_models.export import stripped

Inputs = Mapping[str, NDArray[Any]]

_OPERATORS: Final = ["Conv", "Add", "Clip"]
"""What is made of integers: nearly all of the time. The few products of matrices at the end stay as they are."""


class _Pictures(CalibrationDataReader):  # type: ignore[misc]  # publishes no types
    def __init__(self, given: Iterable[Inputs]) -> None:
        self._given: Iterator[Inputs] = iter(given)

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        found = next(self._given, None)
        return None if found is None else dict(found)


def quantise(network: Path, given: Iterable[Inputs], out: Path) -> None:
    """Writes `network` in eight bits.

    Args:
        network: ONNX as `export.write_onnx` left it.
        given: Its inputs, of some hundred pictures it was trained on: their range decides the scales.
        out: The file to write.
    """
    with tempfile.TemporaryDirectory() as folder:
        shaped = Path(folder) / "shaped.onnx"
        quant_pre_process(network, shaped, skip_symbolic_shape=True)
        quantize_static(
            shaped,
            out,
            _Pictures(given),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            # Weights of seven bits: processors without VNNI add pairs of products in 16 bits, which eight overflow.
            reduce_range=True,
            op_types_to_quantize=_OPERATORS,
        )
    stripped(out)
