"""ONNX files of a checkpoint: full, with half-precision weights, and quantised; what is in them; how they are run."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir
import onnxruntime
import torch
from onnx import numpy_helper
from onnx_ir.passes import common as passes
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.preprocess import quant_pre_process
from onnxscript.optimizer import fold_constants

from train.export.graph import INPUT, ExportGraph

OPSET = 18
FILES = {"fp32": "model.onnx", "fp16": "model.fp16.onnx", "int8": "model.int8.onnx"}
"""The file of every precision, which is that of the weights; inputs and outputs are always float32."""


def graph(module: ExportGraph, size: int) -> onnx.ModelProto:
    """The module as an ONNX graph in fp32 with a free batch size; ``size``: side of the square input in pixels."""
    example = torch.zeros(2, 3, size, size)
    program = torch.onnx.export(
        module.eval(),
        (example,),
        input_names=[INPUT],
        output_names=list(module.output_names),
        dynamic_shapes={INPUT: {0: torch.export.Dim("N")}},
        opset_version=OPSET,
        dynamo=True,
        verbose=False,
        optimize=False,
    )
    _simplify(program.model)
    model = program.model_proto
    for node in (*model.graph.node, *model.graph.input, *model.graph.output, *model.graph.initializer):
        del node.metadata_props[:]  # stack traces of the machine that exported
        if hasattr(node, "doc_string"):
            node.doc_string = ""
    del model.graph.value_info[:]
    onnx.checker.check_model(model)
    return model


def _simplify(model: onnx_ir.Model) -> None:
    """What the exporter's own optimisation does, but for batch normalisation, which stays a node of its own.

    Folded into a kernel it makes new numbers, which fp16 rounds; a checkpoint's own weights are fp16 already, so a file
    that keeps them as they are loses nothing. Runtimes fold when they load a file, in fp32.
    """
    fold_constants(model, onnx_shape_inference=True)
    for simplify in (
        passes.RemoveUnusedNodesPass(),
        passes.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        passes.DeduplicateInitializersPass(),
        passes.CommonSubexpressionEliminationPass(),
        passes.RemoveUnusedNodesPass(),
        passes.RemoveUnusedOpsetsPass(),
    ):
        simplify(model)


def with_half_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy that keeps every matrix and kernel as fp16 and casts it to float32 where it is used.

    A runtime folds the casts when it loads the file, so it computes in float32, on any processor. Vectors, among them
    the out-of-distribution gate's small variances and a number a channel, stay float32.
    """
    halved = onnx.ModelProto()
    halved.CopyFrom(model)
    casts = []
    for tensor in halved.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT or sum(side > 1 for side in tensor.dims) < 2:
            continue
        values, name = numpy_helper.to_array(tensor), tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.fp16"))
        casts.append(
            onnx.helper.make_node("Cast", [tensor.name], [name], name=f"{name}.cast", to=onnx.TensorProto.FLOAT)
        )
    nodes = list(halved.graph.node)
    del halved.graph.node[:]
    halved.graph.node.extend(casts + nodes)  # in ONNX a node stands behind those that it reads
    onnx.checker.check_model(halved)
    return halved


def with_more_on_request(model: onnx.ModelProto, more: onnx.ModelProto, request: str) -> onnx.ModelProto:
    """A copy with one output more, which is worked out where the input ``request`` is true and else has no rows.

    model, more: graphs of the same inputs, the latter with one output, whose first side is then the number of rows.
    ``request`` is a boolean that may be left out, and is then false. Weights that both hold are held once; the others
    of ``more`` lie in its branch, where a runtime prepares them as it does its own.
    """
    merged = onnx.ModelProto()
    merged.CopyFrom(model)
    held = {(t.data_type, tuple(t.dims), numpy_helper.to_array(t).tobytes()): t.name for t in merged.graph.initializer}
    (output,) = more.graph.output
    names = {given.name: given.name for given in more.graph.input}
    own = []
    for tensor in more.graph.initializer:
        same = held.get((tensor.data_type, tuple(tensor.dims), numpy_helper.to_array(tensor).tobytes()))
        names[tensor.name] = same or f"{request}.{tensor.name}"
        if same is None:
            own.append(tensor)
    nodes = []
    for node in more.graph.node:
        kept = onnx.NodeProto()
        kept.CopyFrom(node)
        nodes.append(kept)
        names |= {made: f"{request}.{made}" for made in node.output if made}
        kept.name = f"{request}.{node.name}"
        kept.input[:] = [names[used] if used else "" for used in node.input]
        kept.output[:] = [names[made] if made else "" for made in node.output]
    kind, sides = output.type.tensor_type.elem_type, [side.dim_value for side in output.type.tensor_type.shape.dim]
    free = [f"{request}ed", *sides[1:]]

    def branch(name: str, nodes: list[onnx.NodeProto], made: str) -> onnx.GraphProto:
        return onnx.helper.make_graph(nodes, name, [], [onnx.helper.make_tensor_value_info(made, kind, free)])

    asked = branch("asked", nodes, names[output.name])
    for tensor in own:
        kept = asked.initializer.add()
        kept.CopyFrom(tensor)
        kept.name = names[tensor.name]
    nothing = onnx.helper.make_tensor("nothing", kind, [0, *sides[1:]], [])
    empty = onnx.helper.make_node("Constant", [], [f"{request}.nothing"], value=nothing)
    other = branch("not_asked", [empty], f"{request}.nothing")
    merged.graph.node.append(
        onnx.helper.make_node("If", [request], [output.name], request, then_branch=asked, else_branch=other)
    )
    merged.graph.input.append(onnx.helper.make_tensor_value_info(request, onnx.TensorProto.BOOL, []))
    merged.graph.initializer.append(onnx.helper.make_tensor(request, onnx.TensorProto.BOOL, [], [False]))
    merged.graph.output.append(onnx.helper.make_tensor_value_info(output.name, kind, free))
    onnx.checker.check_model(merged)
    return merged


class _Calibration(CalibrationDataReader):
    def __init__(self, batches: Iterator[np.ndarray]) -> None:
        self._batches = batches

    def get_next(self) -> dict[str, np.ndarray] | None:
        batch = next(self._batches, None)
        return None if batch is None else {INPUT: batch}


def quantised(model: onnx.ModelProto, pixels: np.ndarray, aside: Path) -> onnx.ModelProto:
    """A copy whose convolutions compute in int8: weights a scale a channel, activations as ``pixels`` spread them.

    pixels: (N, 3, S, S) float32 in 0…1, of training photographs. aside: a folder for files made on the way.
    """
    given, source, target = (aside / f"{name}.onnx" for name in ("given", "folded", "quantised"))
    onnx.save(model, given)
    quant_pre_process(given, source, skip_symbolic_shape=True)  # folds batch normalisation into the kernels
    quantize_static(
        source,
        target,
        _Calibration(pixels[i : i + 1] for i in range(len(pixels))),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=["Conv"],
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibration_providers=["CPUExecutionProvider"],
    )
    return onnx.load(target)


def describe(model: onnx.ModelProto, metadata: dict[str, Any]) -> None:
    """Write metadata into the file's ``metadata_props``; what is not text already is written as JSON."""
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in metadata.items()}
    onnx.helper.set_model_props(model, texts)


def run(
    loaded: onnxruntime.InferenceSession, pixels: np.ndarray, requests: Mapping[str, np.ndarray] | None = None
) -> dict[str, np.ndarray]:
    """Every output by name, of pixels (N, 3, S, S) float32 in 0…1. requests: inputs that may be left out."""
    names = [output.name for output in loaded.get_outputs()]
    return dict(zip(names, loaded.run(names, {INPUT: pixels, **(requests or {})}), strict=True))
