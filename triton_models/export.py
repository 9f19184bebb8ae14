"""What all exports of networks share. Needs the packages of requirements-train.txt."""

from __future__ import annotations

from pathlib import Path

import onnx
import onnxruntime


def stripped(path: Path) -> None:
    """Takes out of a file the traces of where and how it was exported: they would change its hash and say nothing."""
    network = onnx.load(path)
    for node in network.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (
        *network.graph.value_info,
        *network.graph.input,
        *network.graph.output,
        *network.graph.initializer,
    ):
        del value.metadata_props[:]
    del network.graph.metadata_props[:]
    del network.metadata_props[:]
    onnx.checker.check_model(network)
    onnx.save(network, path)


def single_thread(path: Path) -> onnxruntime.InferenceSession:
    """A session as the server runs it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
