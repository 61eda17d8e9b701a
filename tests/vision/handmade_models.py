"""TFLite models written by hand, whose answers can be foreseen: no training, no TensorFlow.

`graph` lays tensors and operations down as the schema says. A model of `colour_spotter` looks at a
picture in 4 x 4 fields and ends as detectors of Coral's zoo do, in TFLite_Detection_PostProcess:
the greener a field, the surer it is class 0; the bluer, class 1. One of `compiled` has nothing but
the operation that an Edge TPU alone computes.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

# Neither package has types.
flatbuffers: Any = importlib.import_module("flatbuffers")
flexbuffers: Any = importlib.import_module("flatbuffers.flexbuffers")
schema: Any = importlib.import_module("ai_edge_litert.schema_py_generated")

FIELDS = 4
FOUND_MOST = 10
SIDE = 64


@dataclass
class Wire:
    """A tensor: its shape, its type, and its content where it is constant."""

    shape: tuple[int, ...]
    type: int = schema.TensorType.FLOAT32
    scale: float = 0.0
    content: bytes = b""


@dataclass
class Step:
    """An operation: builtin by its code, or custom by its name."""

    inputs: list[int]
    outputs: list[int]
    builtin: int = schema.BuiltinOperator.CUSTOM
    custom: str = ""
    options_type: int = 0
    options: Any = None
    custom_options: bytes = b""
    version: int = field(default=1)


def graph(wires: list[Wire], steps: list[Step], inputs: list[int], outputs: list[int]) -> bytes:
    """Give a model's bytes."""
    model = schema.ModelT()
    model.version = 3
    part = schema.SubGraphT()
    part.inputs, part.outputs = inputs, outputs
    buffers: list[Any] = [schema.BufferT()]
    tensors: list[Any] = []
    codes: list[Any] = []
    operators: list[Any] = []
    for number, wire in enumerate(wires):
        tensor = schema.TensorT()
        tensor.name = f"t{number}"
        tensor.shape, tensor.type = list(wire.shape), wire.type
        tensor.buffer = 0
        if wire.content:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(wire.content, np.uint8)
            buffers.append(buffer)
            tensor.buffer = len(buffers) - 1
        if wire.scale:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = [wire.scale], [0]
        tensors.append(tensor)
    for number, step in enumerate(steps):
        code = schema.OperatorCodeT()
        code.builtinCode, code.version = step.builtin, step.version
        code.deprecatedBuiltinCode = min(step.builtin, 127)
        code.customCode = step.custom or None
        codes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = number, step.inputs, step.outputs
        operator.builtinOptionsType, operator.builtinOptions = step.options_type, step.options
        if step.custom_options:
            operator.customOptions = np.frombuffer(step.custom_options, np.uint8)
        operators.append(operator)
    part.tensors, part.operators = tensors, operators
    model.subgraphs, model.operatorCodes, model.buffers = [part], codes, buffers
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def colour_spotter(*, order: tuple[int, int, int, int] = (0, 1, 2, 3)) -> bytes:
    """Give the model that knows green from blue.

    Args:
        order: of its outputs, of boxes (0), classes (1), scores (2) and count (3).
    """
    fields = FIELDS * FIELDS
    middles = (np.arange(FIELDS) + 0.5) / FIELDS
    anchors = [[y, x, 1 / FIELDS, 1 / FIELDS] for y in middles for x in middles]
    pool = schema.Pool2DOptionsT()
    pool.filterHeight = pool.filterWidth = pool.strideH = pool.strideW = SIDE // FIELDS
    pool.padding = schema.Padding.VALID
    reshape = schema.ReshapeOptionsT()
    reshape.newShape = [1, fields, 3]
    byte = schema.TensorType.UINT8
    wires = [
        Wire((1, SIDE, SIDE, 3), byte, 1 / 255),
        Wire((1, FIELDS, FIELDS, 3), byte, 1 / 255),
        Wire((1, FIELDS, FIELDS, 3)),
        Wire((1, fields, 3)),
        Wire((1, fields, 4), content=np.zeros((1, fields, 4), np.float32).tobytes()),
        Wire((fields, 4), content=np.array(anchors, np.float32).tobytes()),
        *_found(),
        Wire((3,), schema.TensorType.INT32, content=np.array([1, fields, 3], np.int32).tobytes()),
    ]
    kinds = schema.BuiltinOperator
    options = schema.BuiltinOptions
    steps = [
        Step([0], [1], kinds.AVERAGE_POOL_2D, "", options.Pool2DOptions, pool),
        Step(
            [1], [2], kinds.DEQUANTIZE, "", options.DequantizeOptions, schema.DequantizeOptionsT()
        ),
        Step([2, 10], [3], kinds.RESHAPE, "", options.ReshapeOptions, reshape),
        Step(
            [4, 3, 5],
            [6, 7, 8, 9],
            custom="TFLite_Detection_PostProcess",
            custom_options=_post_process(),
        ),
    ]
    return graph(wires, steps, [0], [6 + place for place in order])


def compiled() -> bytes:
    """Give a model as edgetpu_compiler leaves one: a single operation of the accelerator's."""
    wires = [Wire((1, SIDE, SIDE, 3), schema.TensorType.UINT8, 1 / 255), *_found()]
    step = Step([0], [1, 2, 3, 4], custom="edgetpu-custom-op", custom_options=b"\0")
    return graph(wires, [step], [0], [1, 2, 3, 4])


def _found() -> list[Wire]:
    return [
        Wire((1, FOUND_MOST, 4)),
        Wire((1, FOUND_MOST)),
        Wire((1, FOUND_MOST)),
        Wire((1,)),
    ]


def _post_process() -> bytes:
    """Give the options of TFLite_Detection_PostProcess, for two classes and their background."""
    builder = flexbuffers.Builder()
    with builder.Map():
        builder.Int("max_detections", FOUND_MOST)
        builder.Int("max_classes_per_detection", 1)
        builder.Int("detections_per_class", FOUND_MOST)
        builder.Bool("use_regular_nms", value=False)
        builder.Float("nms_score_threshold", 0.1)
        builder.Float("nms_iou_threshold", 0.5)
        builder.Int("num_classes", 2)
        for name in ("y_scale", "x_scale", "h_scale", "w_scale"):
            builder.Float(name, 1.0)
    return bytes(builder.Finish())
