"""The networks of the engine's benchmark, with random weights: as integer graphs, and as ONNX QDQ models of one shape.

VGG16 for CIFAR: 13 convolutions 3x3 and a fully connected layer, 313 million multiply-accumulates an image. ResNet-8 of
MLPerf Tiny: 9 convolutions, 12.5 million. Inputs are uint8 images (3, 32, 32), activations 8 bit, weights 8 bit per
channel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from bittrue.engine.fast import FastExecutor
from bittrue.ir import Graph, GraphBuilder, IntType, Rounding
from bittrue.ir.ops import Add, AvgPool, Conv, Flatten, Linear, MaxPool, Requant

U8, I8 = IntType(8, False), IntType(8, True)
IMAGE = (3, 32, 32)
CLASSES = 10
VGG16: tuple[int, ...] = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0)
"""Output channels of the convolutions; 0 is a 2x2 max pool."""
RESNET8 = ((16, 1), (32, 2), (64, 2))
"""(channels, stride) of the residual blocks."""


class IntegerNet:
    """Builds an integer graph whose requantizations are calibrated on two random images."""

    def __init__(self, name: str) -> None:
        self.random = np.random.default_rng(0)
        self.builder = GraphBuilder(name)
        self.input = self.builder.input("x", IMAGE, U8)
        self.images = {"x": self.random.integers(0, 256, (2, *IMAGE))}

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor."""
        return Graph("", tuple(self.builder.nodes), self.builder.constants, ()).types[name].shape

    def add(self, op: object, *inputs: str) -> str:
        """A node under a fresh name."""
        return self.builder.add(f"{type(op).__name__.lower()}{len(self.builder.nodes)}", op, *inputs)  # type: ignore[arg-type]

    def constant(self, values: object, elem: str) -> str:
        """A constant under a fresh name."""
        return self.builder.constant(f"k{len(self.builder.constants)}", values, elem)  # type: ignore[arg-type]

    def weight(self, *shape: int) -> str:
        """Normally distributed 8-bit weights."""
        return self.constant(np.clip(np.rint(self.random.normal(0, 40, shape)), -127, 127).astype(np.int64), "i8")

    def conv(self, x: str, channels: int, kernel: int = 3, stride: int = 1, out: IntType = U8) -> str:
        """Convolution, bias and requantization (with ReLU, when `out` is unsigned)."""
        weight = self.weight(channels, self.shape(x)[0], kernel, kernel)
        bias = self.constant(self.random.integers(-1000, 1000, channels), "i32")
        pad = kernel // 2
        return self.requant(self.add(Conv((stride, stride), (pad,) * 4), x, weight, bias), out)

    def requant(self, acc: str, out: IntType) -> str:
        """A requantization by 31-bit multipliers that uses the range of `out`."""
        values = FastExecutor(self.builder.build(acc), threads=1).predict(self.images)[acc]
        spread = np.abs(values).max(axis=(0, *range(2, values.ndim))).clip(1) / out.max
        shift = 30 + np.floor(np.log2(spread)).astype(np.int64)
        parameters = (self.constant(np.rint(2.0**shift / spread).astype(np.int64), "i32"),
                      self.constant(np.zeros(len(shift), np.int64), "i32"), self.constant(shift, "u6"))
        return self.add(Requant(out, out.min, out.max, Rounding.HALF_EVEN), acc, *parameters)

    def classifier(self, x: str) -> Graph:
        """Flatten, fully connected layer, requantization: the finished graph."""
        x = self.add(Flatten(), x)
        return self.builder.build(self.requant(self.add(Linear(), x, self.weight(CLASSES, self.shape(x)[0])), I8))


def vgg16() -> Graph:
    """VGG16 for CIFAR as an integer graph."""
    net = IntegerNet("vgg16")
    x = net.input
    for channels in VGG16:
        x = net.conv(x, channels) if channels else net.add(MaxPool((2, 2), (2, 2)), x)
    return net.classifier(x)


def resnet8() -> Graph:
    """ResNet-8 as an integer graph; both branches of a block are requantized to one signed 8-bit scale and added."""
    net = IntegerNet("resnet8")
    x = net.conv(net.input, 16)
    for channels, stride in RESNET8:
        main = net.conv(net.conv(x, channels, stride=stride), channels, out=I8)
        skip = net.requant(x, I8) if stride == 1 else net.conv(x, channels, kernel=1, stride=stride, out=I8)
        x = net.requant(net.add(Add(IntType(9, True)), main, skip), U8)
    return net.classifier(net.add(AvgPool(U8), x))


@dataclass
class QdqNet:
    """Builds a static int8 ONNX model: QuantizeLinear and DequantizeLinear around float ops, which ONNX Runtime turns
    into integer kernels (activations uint8 per tensor, weights int8 per channel, bias int32)."""

    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def constant(self, values: object) -> str:
        """An initializer under a fresh name."""
        name = f"k{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def node(self, kind: str, *inputs: str, **attributes: object) -> str:
        """A node under a fresh name."""
        name = f"{kind}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def dequantize(self, values: object, scale: object, axis: int = 0) -> str:
        """A constant as a real tensor."""
        array = np.asarray(values)
        zero = np.zeros(np.shape(scale), array.dtype)
        return self.node("DequantizeLinear", self.constant(array), self.constant(np.asarray(scale, np.float32)),
                         self.constant(zero), axis=axis)

    def requantize(self, x: str) -> str:
        """A real tensor through uint8 and back."""
        scale, zero = self.constant(np.float32(0.02)), self.constant(np.uint8(0))
        return self.node("DequantizeLinear", self.node("QuantizeLinear", x, scale, zero), scale, zero)

    def weights(self, *shape: int) -> tuple[str, str]:
        """Dequantized weights per channel, and their bias."""
        scale = self.random.uniform(0.005, 0.01, shape[0]).astype(np.float32)
        weight = self.random.integers(-127, 128, shape).astype(np.int8)
        bias = self.random.integers(-1000, 1000, shape[0]).astype(np.int32)
        return self.dequantize(weight, scale), self.dequantize(bias, np.float32(0.02) * scale)

    def conv(self, x: str, inputs: int, channels: int, kernel: int = 3, stride: int = 1, relu: bool = True) -> str:
        """Convolution, ReLU and requantization."""
        y = self.node("Conv", x, *self.weights(channels, inputs, kernel, kernel), kernel_shape=[kernel] * 2,
                      pads=[kernel // 2] * 4, strides=[stride] * 2)
        return self.requantize(self.node("Relu", y) if relu else y)

    def model(self, x: str, inputs: int) -> bytes:
        """The finished model, from a last tensor with `inputs` channels of one pixel."""
        x = self.requantize(self.node("Flatten", x))
        y = self.node("Gemm", x, *self.weights(CLASSES, inputs), transB=1)
        scale, zero = self.constant(np.float32(0.02)), self.constant(np.uint8(0))
        last = self.node("QuantizeLinear", y, scale, zero)
        graph = helper.make_graph(
            self.nodes, "peer", [helper.make_tensor_value_info("x", TensorProto.UINT8, ["batch", *IMAGE])],
            [helper.make_tensor_value_info(last, TensorProto.UINT8, ["batch", CLASSES])], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        onnx.checker.check_model(model)
        serialized: bytes = model.SerializeToString()
        return serialized

    def start(self) -> str:
        """The uint8 input as a real tensor: no float crosses the rim, as in the integer graph."""
        return self.node("DequantizeLinear", "x", self.constant(np.float32(0.02)), self.constant(np.uint8(0)))


def vgg16_qdq() -> bytes:
    """VGG16 for CIFAR as an ONNX QDQ model."""
    net = QdqNet()
    x, inputs = net.start(), IMAGE[0]
    for channels in VGG16:
        if channels:
            x, inputs = net.conv(x, inputs, channels), channels
        else:
            x = net.requantize(net.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]))
    return net.model(x, inputs)


def resnet8_qdq() -> bytes:
    """ResNet-8 as an ONNX QDQ model."""
    net = QdqNet()
    x, inputs = net.conv(net.start(), IMAGE[0], 16), 16
    for channels, stride in RESNET8:
        main = net.conv(net.conv(x, inputs, channels, stride=stride), channels, channels, relu=False)
        skip = x if stride == 1 else net.conv(x, inputs, channels, kernel=1, stride=stride, relu=False)
        x, inputs = net.requantize(net.node("Relu", net.node("Add", main, skip))), channels
    return net.model(net.requantize(net.node("GlobalAveragePool", x)), inputs)


@dataclass(frozen=True)
class Network:
    """One network of the benchmark and what the fast executor should reach."""

    name: str
    graph: Callable[[], Graph]
    qdq: Callable[[], bytes]
    aim: float
    """Images per second, as a multiple of ONNX Runtime's."""


NETWORKS = (Network("VGG16", vgg16, vgg16_qdq, 1.25), Network("ResNet-8", resnet8, resnet8_qdq, 1.0))
