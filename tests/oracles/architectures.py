"""Published architectures at their real dimensions, as ONNX files without weights.

Each is written from its paper, batch normalization folded into the convolution before it, as every compiler does. The
files name their weights as external data that does not exist. What only moves data (the shifts of windows, resizing of
a relative position table) is left out: it is no arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

__all__ = ["ARCHITECTURES", "product"]

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
MODELS = Path(__file__).resolve().parents[2] / "models"


class Net:
    """A graph that grows node by node and knows the channels and size of each tensor."""

    def __init__(self, *shape: int) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.shapes: dict[str, tuple[int, ...]] = {"x": shape}
        self.input_shape = shape

    def weight(self, *shape: int) -> str:
        name = f"w{len(self.weights)}"
        tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape, data_location=TensorProto.EXTERNAL)
        tensor.external_data.add(key="location", value="weights.data")
        self.weights.append(tensor)
        return name

    def constant(self, values: Sequence[int]) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(onnx.numpy_helper.from_array(np.array(values, np.int64), name))
        return name

    def add(self, op_type: str, *inputs: str, shape: tuple[int, ...] | None = None, **attributes: Any) -> str:
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(op_type, list(inputs), [name], f"n{len(self.nodes)}", **attributes))
        self.shapes[name] = self.shapes[inputs[0]] if shape is None else shape
        return name

    def activate(self, x: str, act: str) -> str:
        if act == "Relu6":
            return self.add("Clip", x, self.scalar(0.0), self.scalar(6.0))
        if act == "Swish":
            return self.add("Mul", x, self.add("Sigmoid", x))
        return self.add(act, x) if act else x

    def scalar(self, value: float) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(onnx.numpy_helper.from_array(np.array(value, np.float32), name))
        return name

    def conv(
        self, x: str, out: int, taps: int | tuple[int, int] = 1, stride: int = 1, groups: int = 1, act: str = "Relu",
        weights: tuple[str, str] | None = None,
    ) -> str:  # fmt: skip
        """A convolution with bias, "same" padding: as many results as inputs over stride, rounded up."""
        channels, height, width = self.shapes[x]
        kh, kw = (taps, taps) if isinstance(taps, int) else taps
        kernel, bias = weights or (self.weight(out, channels // groups, kh, kw), self.weight(out))
        y = self.add(
            "Conv", x, kernel, bias, shape=(out, math.ceil(height / stride), math.ceil(width / stride)),
            kernel_shape=[kh, kw], strides=[stride] * 2, group=groups, auto_pad="SAME_UPPER",
        )  # fmt: skip
        return self.activate(y, act)

    def depthwise(self, x: str, taps: int = 3, stride: int = 1, act: str = "Relu6") -> str:
        return self.conv(x, self.shapes[x][0], taps, stride, self.shapes[x][0], act)

    def pool(self, x: str, kind: str = "MaxPool", taps: int = 2, stride: int = 2) -> str:
        channels, height, width = self.shapes[x]
        shape = (channels, math.ceil(height / stride), math.ceil(width / stride))
        return self.add(kind, x, shape=shape, kernel_shape=[taps] * 2, strides=[stride] * 2, auto_pad="SAME_UPPER")

    def head(self, x: str, classes: int = 1000, act: str = "") -> str:
        """Global average and a dense layer."""
        x = self.add("GlobalAveragePool", x, shape=(self.shapes[x][0], 1, 1))
        return self.dense(self.flat(x), classes, act)

    def flat(self, x: str) -> str:
        return self.add("Flatten", x, shape=(math.prod(self.shapes[x]),))

    def dense(self, x: str, out: int, act: str = "") -> str:
        """Over the last axis."""
        *rest, width = self.shapes[x]
        y = self.add("MatMul", x, self.weight(width, out), shape=(*rest, out))
        return self.activate(self.add("Add", y, self.weight(out)), act)

    def norm(self, x: str) -> str:
        width = self.shapes[x][-1]
        return self.add("LayerNormalization", x, self.weight(width), self.weight(width), axis=-1)

    def reshape(self, x: str, *shape: int) -> str:
        return self.add("Reshape", x, self.constant([-1, *shape]), shape=shape)

    def transpose(self, x: str, *order: int) -> str:
        """`order` counts from 1: the batch stays in front."""
        shape = tuple(self.shapes[x][axis - 1] for axis in order)
        return self.add("Transpose", x, shape=shape, perm=[0, *order])

    def squeeze_excite(self, x: str, hidden: int, act: str = "Swish", gate: str = "Sigmoid") -> str:
        channels = self.shapes[x][0]
        s = self.add("GlobalAveragePool", x, shape=(channels, 1, 1))
        return self.add("Mul", x, self.conv(self.conv(s, hidden, act=act), channels, act=gate))

    def attention(self, x: str, heads: int) -> str:
        """Multi-head attention over (tokens, width), projections included."""
        tokens, width = self.shapes[x]
        q, k, v = (
            self.transpose(self.reshape(self.dense(x, width), tokens, heads, width // heads), *order)
            for order in ((2, 1, 3), (2, 3, 1), (2, 1, 3))
        )
        scores = self.add("MatMul", q, k, shape=(heads, tokens, tokens))
        mixed = self.add("MatMul", self.add("Softmax", scores, axis=-1), v, shape=(heads, tokens, width // heads))
        return self.dense(self.reshape(self.transpose(mixed, 2, 1, 3), tokens, width), width)

    def block(self, x: str, heads: int, ratio: int = 4) -> str:
        """A transformer block, normalization first."""
        width = self.shapes[x][-1]
        x = self.add("Add", x, self.attention(self.norm(x), heads))
        return self.add("Add", x, self.dense(self.dense(self.norm(x), ratio * width, "Gelu"), width))

    def tokens(self, x: str, width: int, patch: int) -> str:
        """(width, h, w) of patches as (tokens, width)."""
        x = self.conv(x, width, patch, patch, act="")
        _, height, long = self.shapes[x]
        return self.transpose(self.reshape(x, width, height * long), 2, 1)

    def save(self, path: Path, *outputs: str) -> None:
        graph = helper.make_graph(
            self.nodes,
            path.stem,
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", *self.input_shape])],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
            self.weights,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
        path.write_bytes(model.SerializeToString())


def _image(size: int) -> Net:
    return Net(3, size, size)


def _resnet(
    path: Path, depths: Sequence[int], *, size: int = 224, bottleneck: bool = True, stride_last: bool = False
) -> None:
    """He et al. 2015; the stride is on the 3x3. `stride_last`: in the last unit of a stage, as TF-Slim has it."""
    net = _image(size)
    x = net.pool(net.conv("x", 64, 7, 2), taps=3)
    for stage, depth in enumerate(depths):
        width = 64 * 2**stage
        out = 4 * width if bottleneck else width
        for unit in range(depth):
            last = stage == len(depths) - 1
            stride = 2 if unit == 0 and stage else 1
            if stride_last:
                stride = 2 if unit == depth - 1 and not last else 1
            short = x
            if net.shapes[x][0] != out or (stride > 1 and not stride_last):
                short = net.conv(x, out, 1, stride, act="")
            elif stride > 1:
                short = net.pool(x, taps=1, stride=stride)
            if bottleneck:
                y = net.conv(net.conv(net.conv(x, width), width, 3, stride), out, act="")
            else:
                y = net.conv(net.conv(x, width, 3, stride), out, 3, act="")
            x = net.activate(net.add("Add", y, short), "Relu")
    net.save(path, net.head(x))


def _mobilenet_v1(path: Path, *, alpha: float = 1.0, size: int = 224, classes: int = 1000) -> None:
    """Howard et al. 2017."""
    net = _image(size)
    x = net.conv("x", int(32 * alpha), 3, 2, act="Relu6")
    for out, stride in (
        (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1),
    ):  # fmt: skip
        x = net.conv(net.depthwise(x, stride=stride), int(out * alpha), act="Relu6")
    net.save(path, net.head(x, classes))


def _by_eight(channels: float) -> int:
    """Channels rounded to a multiple of 8, never more than a tenth down."""
    found = max(8, int(channels + 4) // 8 * 8)
    return found + 8 if found < 0.9 * channels else found


def _inverted(
    net: Net, x: str, out: int, hidden: int, taps: int, stride: int, act: str, squeeze: int = 0, gate: str = ""
) -> str:
    y = net.conv(x, hidden, act=act) if hidden != net.shapes[x][0] else x
    y = net.depthwise(y, taps, stride, act)
    if squeeze:
        y = net.squeeze_excite(y, squeeze, "Relu" if gate == "HardSigmoid" else "Swish", gate)
    y = net.conv(y, out, act="")
    return net.add("Add", x, y) if stride == 1 and net.shapes[x][0] == out else y


def _mobilenet_v2(path: Path, *, alpha: float = 1.0, size: int = 224) -> None:
    """Sandler et al. 2018, table 2."""
    net = _image(size)
    x = net.conv("x", _by_eight(32 * alpha), 3, 2, act="Relu6")
    for ratio, out, count, first in (
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
    ):  # fmt: skip
        for unit in range(count):
            hidden = ratio * net.shapes[x][0]
            x = _inverted(net, x, _by_eight(out * alpha), hidden, 3, first if unit == 0 else 1, "Relu6")
    net.save(path, net.head(net.conv(x, _by_eight(1280 * max(1.0, alpha)), act="Relu6")))


# Taps, hidden, out, squeeze-and-excite, hard swish, stride (Howard et al. 2019, tables 1 and 2).
_V3_LARGE = (
    (3, 16, 16, 0, 0, 1), (3, 64, 24, 0, 0, 2), (3, 72, 24, 0, 0, 1), (5, 72, 40, 1, 0, 2), (5, 120, 40, 1, 0, 1),
    (5, 120, 40, 1, 0, 1), (3, 240, 80, 0, 1, 2), (3, 200, 80, 0, 1, 1), (3, 184, 80, 0, 1, 1), (3, 184, 80, 0, 1, 1),
    (3, 480, 112, 1, 1, 1), (3, 672, 112, 1, 1, 1), (5, 672, 160, 1, 1, 2), (5, 960, 160, 1, 1, 1),
    (5, 960, 160, 1, 1, 1),
)  # fmt: skip
_V3_SMALL = (
    (3, 16, 16, 1, 0, 2), (3, 72, 24, 0, 0, 2), (3, 88, 24, 0, 0, 1), (5, 96, 40, 1, 1, 2), (5, 240, 40, 1, 1, 1),
    (5, 240, 40, 1, 1, 1), (5, 120, 48, 1, 1, 1), (5, 144, 48, 1, 1, 1), (5, 288, 96, 1, 1, 2), (5, 576, 96, 1, 1, 1),
    (5, 576, 96, 1, 1, 1),
)  # fmt: skip


def _mobilenet_v3(path: Path, rows: Sequence[tuple[int, int, int, int, int, int]], last: int, dense: int) -> None:
    net = _image(224)
    x = net.conv("x", 16, 3, 2, act="HardSwish")
    for taps, hidden, out, squeezes, hard, stride in rows:
        act = "HardSwish" if hard else "Relu"
        x = _inverted(net, x, out, hidden, taps, stride, act, _by_eight(hidden / 4) if squeezes else 0, "HardSigmoid")
    x = net.conv(x, last, act="HardSwish")
    x = net.add("GlobalAveragePool", x, shape=(last, 1, 1))
    net.save(path, net.dense(net.dense(net.flat(x), dense, "HardSwish"), 1000))


def _efficientnet(path: Path, *, lite: bool = False) -> None:
    """Tan and Le 2019, B0; lite: without squeeze-and-excite, Relu6."""
    net = _image(224)
    act = "Relu6" if lite else "Swish"
    x = net.conv("x", 32, 3, 2, act=act)
    for taps, ratio, out, count, first in (
        (3, 1, 16, 1, 1), (3, 6, 24, 2, 2), (5, 6, 40, 2, 2), (3, 6, 80, 3, 2), (5, 6, 112, 3, 1), (5, 6, 192, 4, 2),
        (3, 6, 320, 1, 1),
    ):  # fmt: skip
        for unit in range(count):
            channels = net.shapes[x][0]
            squeeze = 0 if lite else channels // 4
            x = _inverted(net, x, out, ratio * channels, taps, first if unit == 0 else 1, act, squeeze, "Sigmoid")
    net.save(path, net.head(net.conv(x, 1280, act=act)))


def _regnet(path: Path, stem: int, widths: Sequence[int], depths: Sequence[int], group: int, *, excites: bool) -> None:
    """Radosavovic et al. 2020: X blocks, or Y blocks with squeeze-and-excite to a quarter of the block's input."""
    net = _image(224)
    x = net.conv("x", stem, 3, 2)
    for width, depth in zip(widths, depths, strict=True):
        for unit in range(depth):
            stride, channels = (2 if unit == 0 else 1), net.shapes[x][0]
            short = net.conv(x, width, 1, stride, act="") if unit == 0 else x
            y = net.conv(net.conv(x, width), width, 3, stride, width // group)
            if excites:
                y = net.squeeze_excite(y, channels // 4, "Relu")
            x = net.activate(net.add("Add", net.conv(y, width, act=""), short), "Relu")
    net.save(path, net.head(x))


def _vgg16(path: Path, *, dense: bool = True) -> None:
    """Simonyan and Zisserman 2014, configuration D."""
    net = _image(224)
    x = "x"
    for count, out in ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)):
        for _ in range(count):
            x = net.conv(x, out, 3)
        x = net.pool(x)
    if dense:
        x = net.dense(net.dense(net.dense(net.flat(x), 4096, "Relu"), 4096, "Relu"), 1000)
    net.save(path, x)


def _vit(
    path: Path, width: int, depth: int, heads: int, *, patch: int = 16, size: int = 224, classes: int = 1000
) -> None:
    """Dosovitskiy et al. 2020, without the class token (one of 197)."""
    net = _image(size)
    x = net.tokens("x", width, patch)
    x = net.add("Add", x, net.weight(*net.shapes[x]))
    for _ in range(depth):
        x = net.block(x, heads)
    x = net.add("ReduceMean", net.norm(x), net.constant([1]), shape=(width,), keepdims=0)
    net.save(path, net.dense(x, classes))


def _mixer(path: Path, width: int = 768, depth: int = 12) -> None:
    """Tolstikhin et al. 2021, B/16: 384 hidden over tokens, 3072 over channels."""
    net = _image(224)
    x = net.tokens("x", width, 16)
    for _ in range(depth):
        y = net.transpose(net.norm(x), 2, 1)
        y = net.dense(net.dense(y, width // 2, "Gelu"), net.shapes[x][0])
        x = net.add("Add", x, net.transpose(y, 2, 1))
        x = net.add("Add", x, net.dense(net.dense(net.norm(x), 4 * width, "Gelu"), width))
    x = net.add("ReduceMean", net.norm(x), net.constant([1]), shape=(width,), keepdims=0)
    net.save(path, net.dense(x, 1000))


def _convnext(path: Path) -> None:
    """Liu et al. 2022, tiny; channels last between the depthwise convolutions."""
    net = _image(224)
    x = net.conv("x", 96, 4, 4, act="")
    for stage, depth in enumerate((3, 3, 9, 3)):
        if stage:
            x = net.conv(x, 96 * 2**stage, 2, 2, act="")
        for _ in range(depth):
            width = net.shapes[x][0]
            y = net.norm(net.transpose(net.depthwise(x, 7, act=""), 2, 3, 1))
            y = net.dense(net.dense(y, 4 * width, "Gelu"), width)
            x = net.add("Add", x, net.transpose(y, 3, 1, 2))
    net.save(path, net.head(x))


def _swin(path: Path) -> None:
    """Liu et al. 2021, tiny: windows of 7 x 7, heads of 32."""
    net = _image(224)
    x, side = net.tokens("x", 96, 4), 56
    for stage, depth in enumerate((2, 2, 6, 2)):
        width = 96 * 2**stage
        if stage:
            side //= 2
            x = net.reshape(x, side, 2, side, 2, width // 2)
            x = net.reshape(net.transpose(x, 1, 3, 2, 4, 5), side * side, 2 * width)
            x = net.dense(net.norm(x), width)
        for _ in range(depth):
            across = side // 7
            y = net.transpose(net.reshape(net.norm(x), across, 7, across, 7, width), 1, 3, 2, 4, 5)
            y = net.attention(net.reshape(y, 49, width), width // 32)
            y = net.transpose(net.reshape(y, across, across, 7, 7, width), 1, 3, 2, 4, 5)
            x = net.add("Add", x, net.reshape(y, side * side, width))
            x = net.add("Add", x, net.dense(net.dense(net.norm(x), 4 * width, "Gelu"), width))
    x = net.add("ReduceMean", net.norm(x), net.constant([1]), shape=(768,), keepdims=0)
    net.save(path, net.dense(x, 1000))


def _retinanet(path: Path) -> None:
    """MLPerf's detector: ResNeXt-50 32x4d with a pyramid of five levels on 800 x 800, 264 classes, 9 boxes a place."""
    net = _image(800)
    x = net.pool(net.conv("x", 64, 7, 2), taps=3)
    stages = []
    for stage, depth in enumerate((3, 4, 6, 3)):
        width, out = 128 * 2**stage, 256 * 2**stage
        for unit in range(depth):
            stride = 2 if unit == 0 and stage else 1
            short = net.conv(x, out, 1, stride, act="") if unit == 0 else x
            y = net.conv(net.conv(net.conv(x, width), width, 3, stride, 32), out, act="")
            x = net.activate(net.add("Add", y, short), "Relu")
        stages.append(x)
    lateral = [net.conv(stage, 256, act="") for stage in stages[1:]]
    pyramid = [net.conv(level, 256, 3, act="") for level in lateral]
    pyramid.append(net.conv(pyramid[-1], 256, 3, 2, act=""))
    pyramid.append(net.conv(pyramid[-1], 256, 3, 2, act=""))
    found = []
    for places in (9 * 264, 9 * 4):
        widths = [256] * 4 + [places]
        shared = [(net.weight(out, 256, 3, 3), net.weight(out)) for out in widths]  # by all levels
        for level in pyramid:
            y = level
            for out, weights in zip(widths, shared, strict=True):
                y = net.conv(y, out, 3, act="" if out == places else "Relu", weights=weights)
            found.append(y)
    net.save(path, *found)


def _resnet8(path: Path) -> None:
    """MLPerf Tiny, image classification: ResNet v1 of 8 layers on 32 x 32."""
    net = _image(32)
    x = net.conv("x", 16, 3)
    for out, stride in ((16, 1), (32, 2), (64, 2)):
        short = x if stride == 1 else net.conv(x, out, 1, stride, act="")
        y = net.conv(net.conv(x, out, 3, stride), out, 3, act="")
        x = net.activate(net.add("Add", y, short), "Relu")
    net.save(path, net.head(x, 10))


def _ds_cnn(path: Path) -> None:
    """MLPerf Tiny, keyword spotting: 49 x 10 coefficients, 64 channels, four separable convolutions."""
    net = Net(1, 49, 10)
    x = net.conv("x", 64, (10, 4), 2)
    for _ in range(4):
        x = net.conv(net.depthwise(x, act="Relu"), 64)
    net.save(path, net.head(x, 12))


def _autoencoder(path: Path) -> None:
    """MLPerf Tiny, anomaly detection: 640 to 640 by way of 8."""
    net = Net(640)
    x = "x"
    for out in (128, 128, 128, 128, 8, 128, 128, 128, 128):
        x = net.dense(x, out, "Relu")
    net.save(path, net.dense(x, 640))


def product(path: Path, rows: int, columns: int, depth: int) -> None:
    """One matrix product; the batch multiplies its rows."""
    net = Net(rows, depth)
    net.save(path, net.add("MatMul", "x", net.weight(depth, columns)))


def _copy(source: Path, path: Path) -> None:
    path.write_bytes(source.read_bytes())


def _batched(source: Path, path: Path) -> None:
    """A file with the batch of its images left open."""
    model = onnx.load(source)
    image = next(value for value in model.graph.input if len(value.type.tensor_type.shape.dim) == 4)
    image.type.tensor_type.shape.dim[0].dim_param = "batch"
    for value in model.graph.output:
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    flattens = {node.input[1] for node in model.graph.node if node.op_type == "Reshape"}
    for tensor in model.graph.initializer:
        if tensor.name in flattens:
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.array([0, -1], np.int64), tensor.name))
    del model.graph.value_info[:]
    path.write_bytes(model.SerializeToString())


ARCHITECTURES: dict[str, Callable[[Path], None]] = {
    "resnet50": partial(_copy, MODELS / "resnet50.onnx"),
    "densenet121": partial(_batched, LIGHT / "light_densenet121.onnx"),
    "inception_v1": partial(_batched, LIGHT / "light_inception_v1.onnx"),
    "squeezenet_v1.1": partial(_batched, LIGHT / "light_squeezenet.onnx"),
    "vgg19": partial(_batched, LIGHT / "light_vgg19.onnx"),
    "resnet18": partial(_resnet, depths=(2, 2, 2, 2), bottleneck=False),
    "resnet152": partial(_resnet, depths=(3, 8, 36, 3)),
    "resnet50_slim": partial(_resnet, depths=(3, 4, 6, 3), stride_last=True),
    "resnet50_slim_299": partial(_resnet, depths=(3, 4, 6, 3), stride_last=True, size=299),
    "resnet152_slim_299": partial(_resnet, depths=(3, 8, 36, 3), stride_last=True, size=299),
    "mobilenet_v1": _mobilenet_v1,
    "mobilenet_v1_0.25_96": partial(_mobilenet_v1, alpha=0.25, size=96, classes=2),
    "mobilenet_v1_0.25_128": partial(_mobilenet_v1, alpha=0.25, size=128),
    "mobilenet_v2": _mobilenet_v2,
    "mobilenet_v2_1.4": partial(_mobilenet_v2, alpha=1.4),
    "mobilenet_v2_0.35": partial(_mobilenet_v2, alpha=0.35),
    "mobilenet_v2_0.35_128": partial(_mobilenet_v2, alpha=0.35, size=128),
    "mobilenet_v3_large": partial(_mobilenet_v3, rows=_V3_LARGE, last=960, dense=1280),
    "mobilenet_v3_small": partial(_mobilenet_v3, rows=_V3_SMALL, last=576, dense=1024),
    "efficientnet_b0": _efficientnet,
    "efficientnet_lite0": partial(_efficientnet, lite=True),
    "regnety_032": partial(_regnet, stem=32, widths=(72, 216, 576, 1512), depths=(2, 5, 13, 1), group=24, excites=True),
    "regnetx_800mf": partial(
        _regnet, stem=32, widths=(64, 128, 288, 672), depths=(1, 3, 7, 5), group=16, excites=False
    ),
    "vgg16": _vgg16,
    "vgg16_convolutions": partial(_vgg16, dense=False),
    "vit_tiny": partial(_vit, width=192, depth=12, heads=3),
    "vit_small": partial(_vit, width=384, depth=12, heads=6),
    "vit_base": partial(_vit, width=768, depth=12, heads=12),
    "vit_large": partial(_vit, width=1024, depth=24, heads=16),
    "vit_base_p32": partial(_vit, width=768, depth=12, heads=12, patch=32, classes=512),
    "vit_base_p32_384": partial(_vit, width=768, depth=12, heads=12, patch=32, size=384),
    "mixer_b16": _mixer,
    "convnext_tiny": _convnext,
    "swin_tiny": _swin,
    "retinanet": _retinanet,
    "resnet8": _resnet8,
    "ds_cnn": _ds_cnn,
    "fc_autoencoder": _autoencoder,
}
