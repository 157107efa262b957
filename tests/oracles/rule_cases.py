"""What every rule must say of one small operator, derived by hand from the operator's definition.

Operands are small and of unequal extents, so that a formula that is halved, or takes one extent for another, fails.
The products written as expected values are the derivation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from onnxroof.costs.cost import OpCost
from onnxroof.costs.registry import Registry
from onnxroof.dtypes import DType
from onnxroof.ir.op import OpKind
from tests.oracles.build import Operand, T, cost

__all__ = ["ATTENTIONS", "CASES", "CONTRACTIONS", "CONVOLUTIONS", "NORMALIZATIONS", "RECURRENT", "Case", "whole"]

MS, ML, MT = "com.microsoft", "ai.onnx.ml", "ai.onnx.preview.training"
I8, U8, I32, I64, F16, BOOL = DType.INT8, DType.UINT8, DType.INT32, DType.INT64, DType.FLOAT16, DType.BOOL


@dataclass(frozen=True)
class Case:
    """One operator and all that its rule says."""

    op_type: str
    inputs: Sequence[Operand]
    outputs: Sequence[Operand]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    domain: str = ""
    version: int = 0
    macs: int = 0
    vector: int = 0
    special: Mapping[str, int] = field(default_factory=dict)
    reads: int | None = None  # bytes; None: every input whole
    writes: int | None = None  # bytes; None: every output whole
    kind: OpKind = OpKind.COMPUTE
    nest: bool = True

    def cost(self, registry: Registry | None = None) -> OpCost:
        """What the rule says, of the standard registry unless another is given."""
        return cost(
            self.op_type, self.inputs, self.outputs, self.attributes, registry=registry, domain=self.domain,
            version=self.version,
        )  # fmt: skip

    def disagreements(self, found: OpCost) -> list[str]:
        """In what a cost differs from this case."""
        if found.work is None:
            return [found.reason]
        expected = {
            "macs": self.macs,
            "vector_ops": self.vector,
            "special": {name: count for name, count in self.special.items() if count},
            "read_bytes": whole(self.inputs) if self.reads is None else self.reads,
            "write_bytes": whole(self.outputs) if self.writes is None else self.writes,
            "kind": self.kind,
            "nest": self.nest,
        }
        stated = {
            "macs": found.work.macs,
            "vector_ops": found.work.vector_ops,
            "special": {name: count for name, count in found.work.special.items() if count},
            "read_bytes": found.read_bytes,
            "write_bytes": found.write_bytes,
            "kind": found.kind,
            "nest": found.nest is not None,
        }
        return [f"{key}: {stated[key]}, expected {value}" for key, value in expected.items() if stated[key] != value]

    def __str__(self) -> str:
        return f"{self.domain or 'ai.onnx'}.{self.op_type}"


def whole(operands: Sequence[Operand]) -> int:
    """Bytes of all operands, each tensor once."""
    specs = [item if isinstance(item, T) else T(item) for item in operands if item is not None]
    return sum(math.prod(spec.shape or ()) * spec.dtype.bits // 8 for spec in specs)


def q(shape: tuple[int, ...], dtype: DType = I8) -> T:
    return T(shape, dtype)


S = (2, 3, 5)  # 30 elements
N = 30
SCALAR: tuple[int, ...] = ()
ZERO = T((), I8)
SHAPE = T((3,), I64)  # an operand of which only the shape that it states is used

# Steps an element of operators with one operand: vector ops and special ops.
UNARY: dict[str, tuple[int, str]] = {
    **dict.fromkeys(["Abs", "Neg", "Sign", "Ceil", "Floor", "Round", "Relu", "IsNaN", "IsInf"], (1, "")),
    **dict.fromkeys(["Not", "BitwiseNot"], (1, "")),
    "Reciprocal": (0, "DIV"),
    "Sqrt": (0, "SQRT"),
    "Exp": (0, "EXP"),
    "Log": (0, "LOG"),
    "Erf": (0, "ERF"),
    "Tanh": (0, "TANH"),
    "Sin": (0, "SIN"),
    "Cos": (0, "COS"),
    "Tan": (0, "SIN COS DIV"),
    "Asin": (0, "ASIN"),
    "Acos": (0, "ACOS"),
    "Atan": (0, "ATAN"),
    "Sinh": (2, "EXP DIV"),
    "Cosh": (2, "EXP DIV"),
    "Asinh": (3, "SQRT LOG"),
    "Acosh": (3, "SQRT LOG"),
    "Atanh": (3, "DIV LOG"),
    "Sigmoid": (2, "EXP DIV"),
    "HardSigmoid": (4, ""),
    "HardSwish": (5, ""),
    "LeakyRelu": (3, ""),
    "ThresholdedRelu": (2, ""),
    "Shrink": (6, ""),
    "Elu": (4, "EXP"),
    "Selu": (5, "EXP"),
    "Celu": (5, "DIV EXP"),
    "Softplus": (1, "EXP LOG"),
    "Softsign": (2, "DIV"),
    "Mish": (2, "EXP LOG TANH"),
    "Swish": (4, "EXP DIV"),
    "Gelu": (4, "ERF"),
}
BINARY: dict[str, tuple[int, str]] = {
    **dict.fromkeys(["Add", "Sub", "Mul", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor"], (1, "")),
    **dict.fromkeys(["And", "Or", "Xor", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"], (1, "")),
    "Div": (0, "DIV"),
    "Pow": (0, "POW"),
    "Mod": (2, "DIV"),
    "PRelu": (3, ""),
}


def special(words: str, elements: int) -> dict[str, int]:
    return dict.fromkeys(words.split(), elements)


def _rows() -> list[Case]:
    """Elementwise operators, the binary ones with a broadcast second operand."""
    bits = {"bits": {"direction": "LEFT"}}
    unary = [Case(op, [S], [S], vector=v * N, special=special(s, N)) for op, (v, s) in UNARY.items()]
    binary = [
        Case(op, [S, (3, 1)], [S], bits["bits"] if op == "BitShift" else {}, vector=v * N, special=special(s, N))
        for op, (v, s) in BINARY.items()
    ]
    variadic = [
        Case(op, [S, (5,), (3, 1)], [S], vector=2 * N, special={"DIV": N} if op == "Mean" else {})
        for op in ("Sum", "Max", "Min", "Mean")
    ]
    return unary + binary + variadic


ELEMENTWISE = [
    *_rows(),
    Case("Mul", [T(S, name="x"), T(S, name="x")], [S], vector=N, reads=4 * N),  # x * x is read once
    Case("SwiGLU", [S, S], [S], vector=5 * N, special={"EXP": N, "DIV": N}),
    Case("Gelu", [S], [S], {"approximate": "tanh"}, vector=8 * N, special={"TANH": N}),
    Case("Clip", [S, SCALAR, SCALAR], [S], vector=2 * N),
    Case("Clip", [S, None, SCALAR], [S], vector=N),
    Case("Clip", [S], [S], {"min": 0.0, "max": 6.0}, version=6, vector=2 * N),
    Case("Cast", [S], [T(S, F16)], {"to": F16.number}, vector=N),
    Case("CastLike", [S, T((7,), F16)], [T(S, F16)], vector=N, reads=4 * N),
    Case("Where", [T(S, BOOL), (5,), SCALAR], [S], vector=N),
    Case("BatchNormalization", [S, (3,), (3,), (3,), (3,)], [S], vector=2 * N),
    Case("Clip", [S, SCALAR, SCALAR], [S], version=11, vector=2 * N),
    Case("BatchNormalization", [S, (3,), (3,), (3,), (3,)], [S], {"spatial": 1}, version=7, vector=2 * N),
    Case("BatchNormalization", [S, *[(3,)] * 4], [S], {"training_mode": 1}, vector=6 * N, nest=False),
    Case("Gelu", [S], [S], domain=MS, vector=4 * N, special={"ERF": N}),
    Case("BiasGelu", [S, (5,)], [S], domain=MS, vector=5 * N, special={"ERF": N}),
    Case("FastGelu", [S], [S], domain=MS, vector=8 * N, special={"TANH": N}),
    Case("FastGelu", [S, (5,)], [S], domain=MS, vector=9 * N, special={"TANH": N}),
    Case("QuickGelu", [S], [S], domain=MS, vector=4 * N, special={"EXP": N, "DIV": N}),
    Case("BiasSplitGelu", [(2, 3, 10), (10,)], [S], domain=MS, vector=7 * N, special={"ERF": N}, nest=False),
    Case("BiasAdd", [S, (5,), S], [S], domain=MS, vector=2 * N),
    Case("MulInteger", [q(S), ZERO, q((5,)), ZERO], [T(S, I32)], domain=MS, vector=3 * N),
]

# 2*4*5 output elements, 3 contracted
_A, _B, _Y = (2, 4, 3), (3, 5), (2, 4, 5)
_QUANTIZED = [q(_A), SCALAR, ZERO, q(_B), (5,), q((5,)), SCALAR, ZERO]
CONTRACTIONS = [
    Case("MatMul", [_A, _B], [_Y], macs=120),
    Case("MatMul", [(1, 4, 3), (2, 3, 5)], [_Y], macs=120),
    Case("MatMul", [(3,), (2, 3, 5)], [(2, 5)], macs=30),
    Case("MatMul", [(2, 4, 3), (3,)], [(2, 4)], macs=24),
    Case("MatMul", [(3,), (3,)], [()], macs=3),
    # zero points: 2*4*3 and 3*5 subtractions
    Case("MatMulInteger", [q(_A), q(_B)], [T(_Y, I32)], macs=120),
    Case("MatMulInteger", [q(_A), q(_B), ZERO, q((5,))], [T(_Y, I32)], macs=120, vector=24 + 15),
    Case("QLinearMatMul", _QUANTIZED, [q(_Y)], macs=120, vector=24 + 15 + 4 * 40),
    Case("MatMulInteger16", [T(_A, DType.INT16), T(_B, DType.INT16)], [T(_Y, I32)], domain=MS, macs=120),
    Case(
        "MatMulIntegerToFloat",
        [q(_A), q(_B), SCALAR, (5,), ZERO, q((5,)), (5,)],
        [_Y],
        domain=MS,
        macs=120,
        vector=24 + 15 + 2 * 40,
    ),
    Case(
        "DynamicQuantizeMatMul",
        [_A, q(_B), (5,), q((5,)), (5,)],
        [_Y],
        domain=MS,
        macs=120,
        vector=5 * 24 + 15 + 2 * 40,
        special={"DIV": 24},
    ),
    Case("FusedMatMul", [(2, 3, 4), (5, 3)], [_Y], {"transA": 1, "transB": 1, "alpha": 0.5}, MS, macs=120, vector=40),
    Case("TransposeMatMul", [(2, 3, 4), _B], [_Y], {"transA": 1}, MS, macs=120),
    Case("FusedMatMulActivation", [_A, _B], [_Y], {"activation": "Relu"}, MS, macs=120, vector=40),
    # rows of A come first: [4, 2, 3]
    Case("FusedMatMul", [(4, 2, 3), _B], [_Y], {"transBatchA": 1}, MS, macs=120, nest=False),
    Case("Gemm", [(4, 3), (3, 5)], [(4, 5)], macs=60),
    Case("Gemm", [(3, 4), (5, 3), (4, 1)], [(4, 5)], {"transA": 1, "transB": 1}, macs=60, vector=20),
    Case("Gemm", [(4, 3), (3, 5), (5,)], [(4, 5)], {"alpha": 2.0, "beta": 0.5}, macs=60, vector=20 + 20 + 5),
    Case("FusedGemm", [(4, 3), (3, 5), (5,)], [(4, 5)], {"activation": "Relu"}, MS, macs=60, vector=20 + 20),
    Case(
        "QGemm",
        [q((4, 3)), SCALAR, ZERO, q((3, 5)), SCALAR, ZERO, T((5,), I32), SCALAR, ZERO],
        [q((4, 5))],
        domain=MS,
        macs=60,
        vector=12 + 15 + 20 + 4 * 20,
    ),
    # 2*3 rows, 4 columns, 8 deep in 2 blocks of 4: 2 bytes a block; zero points 1 byte a column
    Case(
        "MatMulNBits",
        [(2, 3, 8), T((4, 2, 2), U8), (4, 2), T((4, 1), U8), None, (4,)],
        [(2, 3, 4)],
        {"K": 8, "N": 4, "bits": 4, "block_size": 4},
        MS,
        macs=6 * 4 * 8,
        vector=4 * 8 + 6 * 4,
    ),
    Case(
        "MatMulBnb4",
        [(3, 8), T((16,), U8), (8,)],
        [(3, 4)],
        {"K": 8, "N": 4, "block_size": 4},
        MS,
        macs=3 * 4 * 8,
        vector=4 * 8,
    ),
    Case("Einsum", [(2, 3, 4), (2, 4, 5)], [(2, 3, 5)], {"equation": "bij,bjk->bik"}, macs=120),
    Case("Einsum", [(4, 4), (4, 5)], [(5,)], {"equation": "ii,ij->j"}, macs=20, reads=4 * (4 + 20)),
    Case("Einsum", [(3, 1, 2), (4, 2)], [(3, 4)], {"equation": "a...i,...i->a..."}, macs=3 * 4 * 2),
    Case("Einsum", [(3, 4)], [(3,)], {"equation": "ij->i"}, vector=12),
    Case("Einsum", [(3, 4)], [(4, 3)], {"equation": "ij->ji"}, kind=OpKind.MOVE),
    # ij,jk: 2*3*4 = 24, then ik,kl: 2*4*5 = 40
    Case("Einsum", [(2, 3), (3, 4), (4, 5)], [(2, 5)], {"equation": "ij,jk,kl->il"}, macs=64, nest=False),
]

# Window 3 x 2, stride 2 x 1 over 7 x 6 without padding: 3 x 5 positions, all 7 rows and 6 columns touched.
_STRIDED = {"strides": [2, 1], "kernel_shape": [3, 2]}
_IMAGE, _FILTERS, _RESULT = (2, 4, 7, 6), (6, 2, 3, 2), (2, 6, 3, 5)  # 180 output elements x 2*3*2
_CONV = {**_STRIDED, "group": 2}
CONVOLUTIONS = [
    Case("Conv", [_IMAGE, _FILTERS], [_RESULT], _CONV, macs=180 * 12),
    Case("Conv", [_IMAGE, _FILTERS, (6,)], [_RESULT], _CONV, macs=180 * 12, vector=180),
    # stride 3 and one tap: rows 0, 3, 6 and columns 0, 3
    Case("Conv", [(1, 3, 7, 6), (2, 3, 1, 1)], [(1, 2, 3, 2)], {"strides": [3, 3]}, macs=36, reads=4 * (18 + 6)),
    # taps 0 and 3 at positions 0 and 5, padded by 1: indices -1, 2, 4, 7 of 9
    Case(
        "Conv",
        [(1, 1, 9), (1, 1, 2)],
        [(1, 1, 2)],
        {"strides": [5], "dilations": [3], "pads": [1, 0]},
        macs=4,
        reads=4 * (3 + 2),
    ),
    Case(
        "FusedConv",
        [_IMAGE, _FILTERS, (6,), _RESULT],
        [_RESULT],
        {**_CONV, "activation": "Relu"},
        MS,
        macs=2160,
        vector=540,
    ),
    Case("ConvInteger", [q(_IMAGE), q(_FILTERS), ZERO, q((6,))], [T(_RESULT, I32)], _CONV, macs=2160, vector=336 + 72),
    Case(
        "QLinearConv",
        [q(_IMAGE), SCALAR, ZERO, q(_FILTERS), (6,), q((6,)), SCALAR, ZERO, T((6,), I32)],
        [q(_RESULT)],
        _CONV,
        macs=2160,
        vector=336 + 72 + 180 + 4 * 180,
    ),
    Case(
        "QLinearConv",
        [q((2, 7, 6, 4)), SCALAR, ZERO, q(_FILTERS), SCALAR, ZERO, SCALAR, ZERO],
        [q((2, 3, 5, 6))],
        {**_CONV, "channels_last": 1},
        MS,
        macs=2160,
        vector=336 + 72 + 4 * 180,
    ),
    # 2*4*3*5 = 120 input elements x 3*3*2
    Case("ConvTranspose", [(2, 4, 3, 5), (4, 3, 3, 2), (6,)], [(2, 6, 7, 6)], _CONV, macs=120 * 18, vector=504),
    # a stride of 3 over one tap leaves holes: no nest says what is written there
    Case("ConvTranspose", [(1, 2, 3), (2, 1, 1)], [(1, 1, 7)], {"strides": [3]}, macs=6, nest=False),
    Case("ConvTranspose", [(1, 2, 3), (2, 1, 3)], [(1, 1, 6)], {"strides": [2], "output_shape": [6]}, macs=18),
    # 24 output elements x 2*2*2; 1*2*6*4 samples of 8 ops and a mask; 1*1*6*4 positions of 8
    Case(
        "DeformConv",
        [(1, 2, 3, 4), (4, 2, 2, 2), (1, 8, 2, 3), (4,), (1, 4, 2, 3)],
        [(1, 4, 2, 3)],
        macs=24 * 8,
        vector=48 * 9 + 24 * 8 + 24,
        nest=False,
    ),
    Case(
        "CausalConvWithState",
        [(2, 3, 5), (3, 1, 4), (3,), (2, 3, 3)],
        [(2, 3, 5), (2, 3, 3)],
        {"activation": "silu"},
        macs=30 * 4,
        vector=30 + 4 * 30,
        special={"EXP": 30, "DIV": 30},
    ),
    Case("CausalConvWithState", [(2, 3, 5), (3, 1, 4)], [(2, 3, 5)], domain=MS, macs=120),
]

_POOL = {"kernel_shape": [3, 2], "strides": [2, 1]}
_SMALL = (2, 4, 3, 5)  # 120 output elements of 6 taps
POOLS = [
    Case("MaxPool", [_IMAGE], [_SMALL, T(_SMALL, I64)], _POOL, vector=720),
    Case("MaxPool", [(1, 2, 7)], [(1, 2, 2)], {"kernel_shape": [1], "strides": [4]}, vector=4, reads=16),  # 0 and 4
    Case("AveragePool", [_IMAGE], [_SMALL], _POOL, vector=720, special={"DIV": 120}),
    Case("LpPool", [_IMAGE], [_SMALL], {**_POOL, "p": 2}, vector=1440, special={"SQRT": 120}),
    Case("LpPool", [_IMAGE], [_SMALL], {**_POOL, "p": 1}, vector=1440),
    Case("LpPool", [_IMAGE], [_SMALL], {**_POOL, "p": 3}, vector=1440, special={"POW": 720 + 120}),
    Case("GlobalMaxPool", [_IMAGE], [(2, 4, 1, 1)], vector=336),
    Case("GlobalAveragePool", [_IMAGE], [(2, 4, 1, 1)], vector=336, special={"DIV": 8}),
    Case("GlobalLpPool", [_IMAGE], [(2, 4, 1, 1)], vector=672, special={"SQRT": 8}),
    Case(
        "QLinearAveragePool",
        [q(_IMAGE), SCALAR, ZERO, SCALAR, ZERO],
        [q(_SMALL)],
        _POOL,
        MS,
        vector=1440 + 480,
    ),
    Case(
        "QLinearGlobalAveragePool",
        [q(_IMAGE), SCALAR, ZERO, SCALAR, ZERO],
        [q((2, 4, 1, 1))],
        domain=MS,
        vector=672 + 32,
    ),
    Case("LRN", [_IMAGE], [_IMAGE], {"size": 3}, vector=336 * 6, special={"POW": 336, "DIV": 336}),
]

_AXIS_1 = {"axes": [1]}  # opset 11: 30 elements into 10
REDUCTIONS = [
    Case("ReduceSum", [S], [(2, 1, 5)], _AXIS_1, version=11, vector=30),
    Case("ReduceSum", [S, T((1,), I64, value=[-1])], [(2, 3)], {"keepdims": 0}, vector=30, reads=120),
    Case("ReduceSum", [S, T((1,), I64)], [(2, 1, 5)], vector=30, reads=120),  # axes follow from the shapes
    Case("ReduceSum", [S], [(1, 1, 1)], vector=30),
    Case("ReduceMean", [S], [(2, 1, 5)], _AXIS_1, version=11, vector=30, special={"DIV": 10}),
    Case("ReduceMax", [S], [(2, 1, 5)], _AXIS_1, version=11, vector=30),
    Case("ReduceMin", [S], [(2, 1, 5)], _AXIS_1, version=11, vector=30),
    Case("ReduceProd", [S], [(2, 1, 5)], _AXIS_1, version=11, vector=30),
    Case("ReduceL1", [S], [(2, 1, 5)], _AXIS_1, version=11, vector=60),
    Case("ReduceL2", [S], [(2, 1, 5)], _AXIS_1, version=11, vector=60, special={"SQRT": 10}),
    Case("ReduceSumSquare", [S], [(2, 1, 5)], _AXIS_1, version=11, vector=60),
    Case("ReduceLogSum", [S], [(2, 1, 5)], _AXIS_1, version=11, vector=30, special={"LOG": 10}),
    Case("ReduceLogSumExp", [S], [(2, 1, 5)], _AXIS_1, version=11, vector=90 + 10, special={"EXP": 30, "LOG": 10}),
    # opset 18: axes are an input
    *(
        Case(op, [S, T((1,), I64, value=[1])], [(2, 1, 5)], vector=v, special=special, reads=120)
        for op, v, special in (
            ("ReduceMean", 30, {"DIV": 10}),
            ("ReduceMax", 30, {}),
            ("ReduceMin", 30, {}),
            ("ReduceProd", 30, {}),
            ("ReduceL1", 60, {}),
            ("ReduceL2", 60, {"SQRT": 10}),
            ("ReduceSumSquare", 60, {}),
            ("ReduceLogSum", 30, {"LOG": 10}),
            ("ReduceLogSumExp", 90 + 10, {"EXP": 30, "LOG": 10}),
        )
    ),
    Case("ArgMax", [S], [T((2, 1, 5), I64)], {"axis": 1}, vector=30),
    Case("ArgMin", [S], [T((2, 3), I64)], {"axis": -1, "keepdims": 0}, vector=30),
    Case(
        "QLinearReduceMean",
        [q(S), SCALAR, ZERO, SCALAR, ZERO],
        [q((2, 3, 1))],
        {"axes": [2]},
        MS,
        vector=60 + 24,
    ),
    Case("ReduceSumInteger", [q(S)], [T((2, 3, 1), I32)], {"axes": [2]}, MS, vector=30),
    Case("CumSum", [S, T((), I64, value=1)], [S], vector=30, reads=120),
    Case("CumProd", [S, T((), I64, value=-1)], [S], vector=30, reads=120),
]

_SOFT = {"EXP": 30, "DIV": 30}
NORMALIZATIONS = [
    Case("Softmax", [S], [S], vector=90, special=_SOFT),
    Case("Softmax", [S], [S], {"axis": 1}, version=11, vector=90, special=_SOFT),
    Case("LogSoftmax", [S], [S], {"axis": 1}, vector=120, special={"EXP": 30, "LOG": 10}),
    Case("LogSoftmax", [S], [S], {"axis": 1}, version=11, vector=120, special={"EXP": 30, "LOG": 2}),
    Case("Hardmax", [S], [S], vector=60),
    Case("BiasSoftmax", [S, (2, 1, 5)], [S], domain=MS, vector=120, special=_SOFT),
    Case("QLinearSoftmax", [q(S), SCALAR, ZERO, SCALAR, ZERO], [q(S)], domain=MS, vector=270, special=_SOFT),
    # 6 rows of 5
    Case("LayerNormalization", [S, (5,)], [S], vector=180 + 6, special={"SQRT": 6, "DIV": 18}),
    Case(
        "LayerNormalization",
        [S, (3, 5), (3, 5)],
        [S, (2, 1, 1), (2, 1, 1)],
        {"axis": 1},
        vector=210 + 2,
        special={"SQRT": 2, "DIV": 6},
    ),
    Case("RMSNormalization", [S, (5,)], [S], vector=120 + 6, special={"SQRT": 6, "DIV": 12}),
    Case("SimplifiedLayerNormalization", [S, (5,)], [S], vector=120 + 6, special={"SQRT": 6, "DIV": 12}),
    Case("SimplifiedLayerNormalization", [S, (5,)], [S], domain=MS, vector=126, special={"SQRT": 6, "DIV": 12}),
    # 5 n of the statistics, n for gamma, n for beta, n for skip, n for bias
    Case(
        "SkipLayerNormalization",
        [S, S, (5,), (5,), (5,)],
        [S, (2, 3, 1), (2, 3, 1), S],
        domain=MS,
        vector=9 * 30 + 6,
        special={"SQRT": 6, "DIV": 18},
    ),
    Case(
        "SkipSimplifiedLayerNormalization",
        [S, S, (5,), (5,)],
        [S, None, None, S],
        domain=MS,
        vector=6 * 30 + 6,
        special={"SQRT": 6, "DIV": 12},
    ),
    # 2*4 rows of 42
    Case("InstanceNormalization", [_IMAGE, (4,), (4,)], [_IMAGE], vector=7 * 336 + 8, special={"SQRT": 8, "DIV": 24}),
    # 2*2 rows of 84
    Case(
        "GroupNormalization",
        [_IMAGE, (4,), (4,)],
        [_IMAGE],
        {"num_groups": 2},
        vector=7 * 336 + 4,
        special={"SQRT": 4, "DIV": 12},
    ),
    Case(
        "GroupNorm",
        [(2, 7, 6, 4), (4,), (4,)],
        [(2, 7, 6, 4)],
        {"groups": 2, "activation": 1},
        MS,
        vector=7 * 336 + 4 + 4 * 336,
        special={"SQRT": 4, "DIV": 12 + 336, "EXP": 336},
    ),
    Case(
        "SkipGroupNorm",
        [(2, 7, 6, 4), (4,), (4,), (2, 7, 6, 4), (4,)],
        [(2, 7, 6, 4), (2, 7, 6, 4)],
        {"groups": 2},
        MS,
        vector=9 * 336 + 4,
        special={"SQRT": 4, "DIV": 12},
    ),
    # one skip value an image and channel
    Case(
        "SkipGroupNorm",
        [(2, 7, 6, 4), (4,), (4,), (2, 4)],
        [(2, 7, 6, 4)],
        {"groups": 2},
        MS,
        vector=8 * 336 + 4,
        special={"SQRT": 4, "DIV": 12},
    ),
    # axes 0, 2, 3: 4 rows
    Case("MeanVarianceNormalization", [_IMAGE], [_IMAGE], vector=4 * 336 + 4, special={"SQRT": 4, "DIV": 8 + 336}),
    Case("LpNormalization", [S], [S], {"p": 2}, vector=60, special={"SQRT": 6, "DIV": 30}),
    Case("LpNormalization", [S], [S], {"p": 1, "axis": 0}, vector=60, special={"DIV": 30}),
    # 2*3 ids of 5 wide rows; positions 3 rows: 60 bytes. 2 sums, gamma, beta: 5 n + 4 n
    Case(
        "EmbedLayerNormalization",
        [T((2, 3), I32), T((2, 3), I32), (50, 5), (9, 5), (8, 5), (5,), (5,)],
        [S],
        domain=MS,
        vector=9 * 30 + 6,
        special={"SQRT": 6, "DIV": 18},
        reads=24 + 24 + 120 + 60 + 120 + 20 + 20,
        nest=False,
    ),
]

# 2 batches, 6 query heads on 2 key/value heads, 3 queries, 4 keys, widths 5 and 7: 2*6*3*4 = 144 scores
_Q, _K, _V, _O = (2, 6, 3, 5), (2, 2, 4, 5), (2, 2, 4, 7), (2, 6, 3, 7)
ATTENTIONS = [
    Case("Attention", [_Q, _K, _V], [_O], macs=144 * 12, vector=4 * 144, special={"EXP": 144, "DIV": 144}),
    Case(
        "Attention",
        [_Q, _K, _V, (1, 6, 3, 4)],
        [_O, _K, _V, (2, 6, 3, 4)],
        {"softcap": 30.0},
        macs=144 * 12,
        vector=6 * 144,
        special={"EXP": 144, "DIV": 288, "TANH": 144},
    ),
    Case("Attention", [_Q, _K, _V], [_O], version=23, macs=144 * 12, vector=4 * 144, special={"EXP": 144, "DIV": 144}),
    # 3 of the 4 keys are past: 1 is new, and 2*2*1*5 + 2*2*1*7 elements are written
    Case(
        "Attention",
        [_Q, (2, 2, 1, 5), (2, 2, 1, 7), None, (2, 2, 3, 5), (2, 2, 3, 7)],
        [_O, _K, _V],
        macs=144 * 12,
        vector=4 * 144,
        special={"EXP": 144, "DIV": 144},
        writes=4 * (2 * 6 * 3 * 7 + 20 + 28),
    ),
    # 3 heads of 4, 5 new tokens, 2*3*5*5 = 150 scores; 2*5*36 biased elements
    Case(
        "MultiHeadAttention",
        [(2, 5, 12), (2, 5, 12), (2, 5, 12), (36,)],
        [(2, 5, 12)],
        {"num_heads": 3},
        MS,
        macs=150 * 8,
        vector=4 * 150 + 360,
        special={"EXP": 150, "DIV": 150},
    ),
    Case(
        "MultiHeadAttention",
        [(2, 5, 3, 3, 4)],
        [(2, 5, 12)],
        {"num_heads": 3},
        MS,
        macs=150 * 8,
        vector=4 * 150,
        special={"EXP": 150, "DIV": 150},
    ),
    # keys and values of a cross attention, packed: 7 of them, 2*3*5*7 = 210 scores
    Case(
        "MultiHeadAttention",
        [(2, 5, 12), (2, 7, 3, 2, 4)],
        [(2, 5, 12)],
        {"num_heads": 3},
        MS,
        macs=210 * 8,
        vector=4 * 210,
        special={"EXP": 210, "DIV": 210},
    ),
    Case(
        "MultiHeadAttention",
        [(2, 5, 12), (2, 3, 7, 4), (2, 3, 7, 4)],
        [(2, 5, 12)],
        {"num_heads": 3},
        MS,
        macs=210 * 8,
        vector=4 * 210,
        special={"EXP": 210, "DIV": 210},
    ),
    # 4 query heads of 6, 2 key/value heads, 3 new tokens, no past: 2*4*3*3 = 72 scores; rotation of 2*3*(4+2)*6
    # elements with 3 rows of 3 of each table
    Case(
        "GroupQueryAttention",
        [(2, 3, 24), (2, 3, 12), (2, 3, 12), None, None, T((2,), I32), T((), I32), (9, 3), (9, 3)],
        [(2, 3, 24), (2, 2, 3, 6), (2, 2, 3, 6)],
        {"num_heads": 4, "kv_num_heads": 2, "do_rotary": 1},
        MS,
        macs=72 * 12,
        vector=4 * 72 + 3 * 216,
        special={"EXP": 72, "DIV": 72},
        reads=4 * (144 + 72 + 72) + 8 + 4 + 2 * 36,
    ),
    # packed: 24 + 2*12 wide
    Case(
        "GroupQueryAttention",
        [(2, 3, 48), None, None, None, None, T((2,), I32), T((), I32)],
        [(2, 3, 24), (2, 2, 3, 6), (2, 2, 3, 6)],
        {"num_heads": 4, "kv_num_heads": 2},
        MS,
        macs=72 * 12,
        vector=4 * 72,
        special={"EXP": 72, "DIV": 72},
    ),
    # projections 2*5*8*36; 3 heads of 4: 2*3*5*(5+2) = 210 scores; 2*2*3*5*4 new elements of the cache
    Case(
        "Attention",
        [(2, 5, 8), (8, 36), (36,), None, (2, 2, 3, 2, 4)],
        [(2, 5, 12), (2, 2, 3, 7, 4)],
        {"num_heads": 3},
        MS,
        macs=2 * 5 * 8 * 36 + 210 * 8,
        vector=360 + 4 * 210,
        special={"EXP": 210, "DIV": 210},
        writes=4 * (120 + 240),
        nest=False,
    ),
    # 4 query heads, 2 key/value heads, widths 3 and 5, 2*7 tokens: 14*15 x (4 + 2*2); decay 14*2
    Case(
        "LinearAttention",
        [(2, 7, 12), (2, 7, 6), (2, 7, 10), (2, 2, 3, 5), (2, 7, 2), (2, 7, 2)],
        [(2, 7, 20), (2, 2, 3, 5)],
        {"q_num_heads": 4, "kv_num_heads": 2},
        macs=14 * 15 * 8,
        vector=280 + 14 * 2 * 15 + 2 * 140,
        special={"EXP": 28},
        nest=False,
    ),
    Case(
        "LinearAttention",
        [(2, 7, 12), (2, 7, 6), (2, 7, 10)],
        [(2, 7, 20), (2, 2, 3, 5)],
        {"q_num_heads": 4, "kv_num_heads": 2, "update_rule": "linear"},
        macs=14 * 15 * 6,
        vector=280,
        nest=False,
    ),
    # 2*3*5 vectors of 8, 4 of each rotated; 2*5 rows of 2
    Case(
        "RotaryEmbedding",
        [(2, 3, 5, 8), (50, 2), (50, 2), T((2, 5), I64)],
        [(2, 3, 5, 8)],
        {"rotary_embedding_dim": 4},
        vector=3 * 30 * 4,
        reads=4 * 240 + 80 + 2 * 80,
    ),
    Case("RotaryEmbedding", [(2, 5, 24), (2, 5, 4), (2, 5, 4)], [(2, 5, 24)], {"num_heads": 3}, vector=3 * 240),
    Case(
        "RotaryEmbedding",
        [(2, 5, 24), T((1,), I64), (50, 4), (50, 4)],
        [(2, 5, 24)],
        domain=MS,
        vector=3 * 240,
        reads=4 * 240 + 8 + 2 * 80,
    ),
]

# 3 steps, batch 2, 2 directions, 4 wide input, 5 hidden: 60 states
_X = (3, 2, 4)


def _recurrent(gates: int) -> list[Operand]:
    return [_X, (2, gates * 5, 4), (2, gates * 5, 5), (2, gates * 10), T((2,), I32), (2, 2, 5)]


_BIDIRECTIONAL = {"direction": "bidirectional", "hidden_size": 5}
_STATES = [(3, 2, 2, 5), (2, 2, 5)]
RECURRENT = [
    # 60 * 9 MACs a gate; 3 adds a gate (1 sum, 2 biases); LSTM 4 + 6 with peepholes, 3 sigmoids (2), 2 tanh
    Case(
        "LSTM",
        [*_recurrent(4), (2, 2, 5), (2, 15)],
        [*_STATES, (2, 2, 5)],
        _BIDIRECTIONAL,
        macs=60 * 36,
        vector=60 * (12 + 4 + 6 + 6),
        special={"EXP": 180, "DIV": 180, "TANH": 120},
    ),
    Case(
        "GRU",
        _recurrent(3),
        _STATES,
        _BIDIRECTIONAL,
        macs=60 * 27,
        vector=60 * (9 + 5 + 4),
        special={"EXP": 120, "DIV": 120, "TANH": 60},
    ),
    Case(
        "RNN", _recurrent(1), _STATES, {**_BIDIRECTIONAL, "activations": ["Relu", "Relu"]}, macs=60 * 9, vector=60 * 4
    ),
    # batch first, no bias, the last state alone: 3*2*5 = 30 states
    Case(
        "LSTM",
        [(2, 3, 4), (1, 20, 4), (1, 20, 5)],
        [None, (2, 1, 5)],
        {"layout": 1, "hidden_size": 5},
        macs=30 * 36,
        vector=30 * (4 + 4 + 6),
        special={"EXP": 90, "DIV": 90, "TANH": 60},
    ),
]

QUANTIZATION = [
    Case("QuantizeLinear", [S, SCALAR, ZERO], [q(S)], vector=90, special={"DIV": 30}),
    Case("QuantizeLinear", [S, (3,)], [T(S, U8)], {"axis": 1}, vector=60, special={"DIV": 30}),
    Case("DequantizeLinear", [q(S), (3,), q((3,))], [S], {"axis": -2}, vector=60),
    Case("DequantizeLinear", [q((4, 6)), (2, 6)], [(4, 6)], {"axis": 0, "block_size": 2}, vector=24),
    Case("DequantizeLinear", [q(S), SCALAR], [S], domain=MS, vector=30),
    Case("QuantizeLinear", [S, SCALAR, ZERO], [q(S)], domain=MS, vector=90, special={"DIV": 30}),
    Case("DynamicQuantizeLinear", [S], [T(S, U8), SCALAR, T((), U8)], vector=156, special={"DIV": 32}, nest=False),
    # 2 + 2 + 1 + 4
    Case("QLinearAdd", [q(S), SCALAR, ZERO, q((5,)), SCALAR, ZERO, SCALAR, ZERO], [q(S)], domain=MS, vector=270),
    Case("QLinearMul", [q(S), SCALAR, ZERO, q((5,)), SCALAR, ZERO, SCALAR, ZERO], [q(S)], domain=MS, vector=270),
    Case("QLinearLeakyRelu", [q(S), SCALAR, ZERO, SCALAR, ZERO], [q(S)], domain=MS, vector=270),
    Case("QLinearSigmoid", [q(S), SCALAR, ZERO, SCALAR, ZERO], [q(S)], domain=MS, vector=240, special=_SOFT),
    Case(
        "QLinearWhere",
        [T(S, BOOL), q((5,)), SCALAR, ZERO, q(S), SCALAR, ZERO, SCALAR, ZERO],
        [q(S)],
        domain=MS,
        vector=210,
    ),
    Case(
        "QLinearConcat",
        [SCALAR, ZERO, q((2, 3)), SCALAR, ZERO, q((4, 3)), SCALAR, ZERO],
        [q((6, 3))],
        domain=MS,
        vector=108,
        nest=False,
    ),
]

MOVE = OpKind.MOVE
VIEWED = {"kind": OpKind.VIEW, "reads": 0, "writes": 0, "nest": False}
MOVEMENT = [
    *(Case(op, [S], [S], **VIEWED) for op in ("Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Dropout")),
    *(Case(op, [S], [S], **VIEWED) for op in ("BitCast", "Shape", "Size", "Optional", "OptionalGetElement")),
    *(Case(op, [S], [S], **VIEWED) for op in ("OptionalHasElement", "SequenceAt", "SequenceConstruct")),
    *(Case(op, [S], [S], **VIEWED) for op in ("SequenceEmpty", "SequenceErase", "SequenceInsert", "SequenceLength")),
    Case("Dropout", [S], [S], version=7, **VIEWED),
    Case("Squeeze", [(2, 1, 5)], [(2, 5)], {"axes": [1]}, version=11, **VIEWED),
    Case("Unsqueeze", [(2, 5)], [(2, 1, 5)], {"axes": [1]}, version=11, **VIEWED),
    Case("Split", [S], [(2, 1, 5), (2, 2, 5)], {"axis": 1, "split": [1, 2]}, version=11, kind=MOVE),
    Case("Slice", [S], [(1, 2, 5)], {"starts": [1, 1], "ends": [2, 3]}, version=9, kind=MOVE, reads=40),
    Case("Pad", [(2, 3), T((4,), I64, value=[1, -1, 2, 0]), SCALAR], [(5, 2)], version=13, kind=MOVE, reads=4 * 4 + 4),
    Case("ExpandDims", [S, T((), I64)], [S], domain=MS, **VIEWED),
    Case("Constant", [], [S], kind=OpKind.CONSTANT, reads=0, writes=0, nest=False),
    Case("Transpose", [S], [(5, 2, 3)], {"perm": [2, 0, 1]}, kind=MOVE),
    Case("Transpose", [(2, 1, 5)], [(1, 2, 5)], {"perm": [1, 0, 2]}, **VIEWED),
    Case("Concat", [S, (2, 4, 5)], [(2, 7, 5)], {"axis": 1}, kind=MOVE),
    Case("Split", [S], [(2, 1, 5), (2, 2, 5)], {"axis": 1, "num_outputs": 2}, kind=MOVE),
    Case("Slice", [S, SHAPE, SHAPE], [(1, 2, 5)], kind=MOVE, reads=40, nest=False),
    Case(
        "Slice", [S, T((1,), I64, value=[-2]), T((1,), I64), T((1,), I64, value=[1])], [(2, 2, 5)], kind=MOVE, reads=80
    ),
    # 1 before and 2 behind axis 0, one cropped from the front of axis 1: 2 of 3 rows are kept
    Case("Pad", [(2, 3), T((4,), I64, value=[1, -1, 2, 0]), SCALAR], [(5, 2)], kind=MOVE, reads=4 * 4 + 4),
    Case("Pad", [(2, 3), T((4,), I64)], [(5, 2)], kind=MOVE, reads=4 * 4, nest=False),
    Case("Pad", [(2, 3)], [(4, 3)], {"pads": [1, 0, 1, 0], "mode": "reflect"}, version=2, kind=MOVE),
    Case("Pad", [(2, 3), T((2,), I64, value=[0, 1]), None, T((1,), I64, value=[1])], [(2, 4)], kind=MOVE, reads=24),
    Case("Pad", [(2, 3), T((4,), I64)], [(2, 3)], **VIEWED),
    Case("Expand", [(3, 1), SHAPE], [S], kind=MOVE, reads=12),
    Case("Expand", [S, SHAPE], [S], **VIEWED),
    Case("Tile", [(1, 3, 5), SHAPE], [(4, 3, 5)], kind=MOVE, reads=60),
    Case("Tile", [S, SHAPE], [S], **VIEWED),
    Case("DepthToSpace", [(1, 8, 2, 3)], [(1, 2, 4, 6)], {"blocksize": 2}, kind=MOVE),
    Case("SpaceToDepth", [(1, 2, 4, 6)], [(1, 8, 2, 3)], {"blocksize": 2}, kind=MOVE),
    Case("CenterCropPad", [(4, 6), T((2,), I64, value=[2, 9])], [(2, 9)], kind=MOVE, reads=4 * 12),
    Case("CenterCropPad", [S, T((3,), I64, value=[2, 3, 5])], [S], **VIEWED),
    Case("ReverseSequence", [S, T((3,), I64)], [S], kind=MOVE, nest=False),
    # rows of 4 columns keep 3, 2 and 1 above the diagonal
    Case("Trilu", [(2, 3, 4), T((), I64, value=1)], [(2, 3, 4)], kind=MOVE, reads=4 * 2 * 6, nest=False),
    # and 1, 2, 3 up to it
    Case("Trilu", [(2, 3, 4)], [(2, 3, 4)], {"upper": 0}, kind=MOVE, reads=4 * 2 * 6, nest=False),
    Case("Trilu", [(4, 4)], [(4, 4)], domain=MS, kind=MOVE, reads=4 * 10, nest=False),
    Case("ConcatFromSequence", [T(None)], [S], {"axis": 0}, kind=MOVE, reads=120, nest=False),
    Case("SplitToSequence", [S, T((), I64)], [T(None)], kind=MOVE, reads=120, writes=120, nest=False),
]

_ROWS = [(9, 5), T((2, 2), I64)]
INDEXING = [
    Case("Gather", _ROWS, [(2, 2, 5)], kind=MOVE, reads=80 + 32, nest=False),
    Case("GatherElements", [(9, 5), T((2, 5), I64)], [(2, 5)], kind=MOVE, reads=40 + 80, nest=False),
    Case("GatherND", [(9, 5), T((3, 1), I64)], [(3, 5)], kind=MOVE, reads=60 + 24, nest=False),
    Case("GatherND", [(9, 5), T((3, 1), I64)], [(3, 5)], domain=MS, kind=MOVE, reads=60 + 24, nest=False),
    Case("ArrayFeatureExtractor", [(2, 9), T((3,), I64)], [(2, 3)], domain=ML, kind=MOVE, reads=24 + 24, nest=False),
    # 3 rows of 32: 48 bytes packed, 3*2 blocks of 16: 6 scales, 3 bytes of zero points
    Case(
        "GatherBlockQuantized",
        [T((9, 16), U8), T((3,), I64), (9, 2), T((9, 1), U8)],
        [(3, 32)],
        {"block_size": 16, "bits": 4},
        MS,
        vector=192,
        reads=48 + 24 + 24 + 3,
        nest=False,
    ),
    Case("ScatterElements", [(9, 5), T((2, 5), I64), (2, 5)], [(9, 5)], kind=MOVE, reads=120, writes=40, nest=False),
    Case(
        "Scatter", [(9, 5), T((2, 5), I64), (2, 5)], [(9, 5)], version=10, kind=MOVE, reads=120, writes=40, nest=False
    ),
    Case(
        "ScatterND",
        [(9, 5), T((2, 1), I64), (2, 5)],
        [(9, 5)],
        {"reduction": "max"},
        vector=10,
        reads=96,
        writes=40,
        nest=False,
    ),
    Case(
        "TensorScatter",
        [(2, 3, 9, 5), (2, 3, 1, 5), T((2,), I64)],
        [(2, 3, 9, 5)],
        kind=MOVE,
        reads=136,
        writes=120,
        nest=False,
    ),
    Case("OneHot", [T((6,), I64), T((), I64), (2,)], [(6, 7)], kind=MOVE, reads=48 + 8, nest=False),
    Case("Compress", [(9, 5), T((9,), BOOL)], [(4, 5)], {"axis": 0}, kind=MOVE, reads=80 + 9, nest=False),
    Case(
        "MaxUnpool",
        [(1, 2, 3, 3), T((1, 2, 3, 3), I64)],
        [(1, 2, 6, 6)],
        {"kernel_shape": [2, 2]},
        kind=MOVE,
        reads=216,
        nest=False,
    ),
]

VISION = [
    Case("Resize", [(1, 2, 3, 4), None, (4,)], [(1, 2, 6, 4)], {"mode": "linear"}, vector=48 * 4, reads=96, nest=False),
    # every fourth column of 16: 2 taps each
    Case("Resize", [(1, 2, 16), None, (3,)], [(1, 2, 4)], {"mode": "linear"}, vector=8 * 4, reads=64, nest=False),
    # widened to 2*4 taps
    Case(
        "Resize",
        [(1, 2, 16), None, (3,)],
        [(1, 2, 4)],
        {"mode": "linear", "antialias": 1},
        vector=8 * 16,
        reads=128,
        nest=False,
    ),
    Case(
        "Resize", [(1, 2, 3, 4), (4,)], [(1, 2, 6, 4)], {"mode": "linear"}, version=10, vector=192, reads=96, nest=False
    ),
    Case(
        "Upsample",
        [(1, 2, 3, 4)],
        [(1, 2, 6, 8)],
        {"scales": [1.0, 1.0, 2.0, 2.0]},
        version=7,
        kind=MOVE,
        reads=96,
        nest=False,
    ),
    Case("Upsample", [(1, 2, 3, 4), (4,)], [(1, 2, 6, 8)], version=9, kind=MOVE, reads=96, nest=False),
    # 12 grid coordinates; 3*6 output elements, 4 taps
    Case("GridSample", [(1, 3, 4, 5), (1, 2, 3, 2)], [(1, 3, 2, 3)], vector=36 + 18 * 8, reads=240 + 48, nest=False),
    Case(
        "GridSample",
        [(1, 3, 4, 5), (1, 2, 3, 2)],
        [(1, 3, 2, 3)],
        {"mode": "nearest"},
        MS,
        vector=36,
        reads=72 + 48,
        nest=False,
    ),
    Case("AffineGrid", [(2, 2, 3), T((4,), I64, value=[2, 3, 4, 5])], [(2, 4, 5, 2)], vector=320, reads=48, nest=False),
    # 2*3*4*4 = 96 output elements, 4 samples of 4 taps and a sum: 9 ops each
    Case(
        "RoiAlign",
        [(1, 3, 20, 20), (2, 4), T((2,), I64)],
        [(2, 3, 4, 4)],
        {"sampling_ratio": 2},
        vector=96 * 36,
        special={"DIV": 96},
        reads=4800 + 32 + 16,
        nest=False,
    ),
    # 2 regions, each at most the whole map of 3 x 20 x 20
    Case(
        "MaxRoiPool",
        [(1, 3, 20, 20), (2, 5)],
        [(2, 3, 4, 4)],
        {"pooled_shape": [4, 4]},
        vector=2 * 1200,
        reads=4800 + 40,
        nest=False,
    ),
    # 2 classes; four of 8 boxes selected against 0, 1, 2 and 3, four more against those four; sorting 2 * 8 * 3
    Case(
        "NonMaxSuppression",
        [(1, 8, 4), (1, 2, 8), T((), I64, value=5)],
        [T((10, 3), I64)],
        vector=44 * 12 + 48,
        special={"DIV": 44},
        reads=128 + 64,
        nest=False,
    ),
    Case("Col2Im", [(1, 12, 6), T((2,), I64), T((2,), I64)], [(1, 2, 4, 5)], vector=72, reads=288, nest=False),
    # 4 x 4: 6 divisions, 9 + 4 + 1 updates of 2, 4 of the diagonal
    Case("Det", [(3, 4, 4)], [(3,)], vector=3 * 32, special={"DIV": 18}, nest=False),
]

SORTING = [
    Case(
        "TopK", [S, T((1,), I64)], [(2, 3, 3), T((2, 3, 3), I64)], vector=60, reads=120, nest=False
    ),  # 3 of 5: 2 levels
    Case("TopK", [S], [(2, 3, 3), T((2, 3, 3), I64)], {"k": 3}, version=9, vector=60, reads=120, nest=False),
    Case("Unique", [(10,)], [(7,)], vector=50, nest=False),  # 10 * 4 + 10
    Case("Unique", [(10,)], [(7,), T((7,), I64)], domain=MS, vector=50, nest=False),
    Case("NonZero", [S], [T((3, 4), I64)], vector=30, nest=False),
]

NOTHING = {"reads": 0, "nest": False}
GENERATORS = [
    Case("Range", [SCALAR] * 3, [(7,)], vector=14, **NOTHING),
    Case("Range", [SCALAR] * 3, [(7,)], domain=MS, vector=14, **NOTHING),
    Case("RandomUniform", [], [S], {"shape": list(S)}, vector=90, **NOTHING),
    Case("RandomUniformLike", [S], [S], vector=90, **NOTHING),
    Case(
        "RandomNormal", [], [S], {"shape": list(S)}, vector=210, special={"LOG": 30, "SQRT": 30, "COS": 30}, **NOTHING
    ),
    Case("RandomNormalLike", [S], [S], vector=210, special={"LOG": 30, "SQRT": 30, "COS": 30}, **NOTHING),
    Case("HannWindow", [T((), I64, value=7)], [(7,)], vector=21, special={"DIV": 7, "COS": 7}, **NOTHING),
    Case("HammingWindow", [T((), I64, value=7)], [(7,)], vector=21, special={"DIV": 7, "COS": 7}, **NOTHING),
    Case("BlackmanWindow", [T((), I64, value=7)], [(7,)], vector=42, special={"DIV": 7, "COS": 14}, **NOTHING),
    Case("MelWeightMatrix", [SHAPE] * 5, [(9, 4)], vector=144, special={"DIV": 72}, **NOTHING),
    Case("ConstantOfShape", [SHAPE], [S], kind=MOVE, **NOTHING),
    Case("EyeLike", [(3, 4)], [(3, 4)], kind=MOVE, **NOTHING),
    Case("Bernoulli", [S], [S], vector=60, nest=False),
    # 2*6 logits; 2*4 samples of 1 draw and 3 comparisons
    Case(
        "Multinomial", [(2, 6)], [T((2, 4), I32)], {"sample_size": 4}, vector=12 + 32, special={"EXP": 12}, nest=False
    ),
]

SIGNALS = [
    # 2 transforms of 8 points: 5*8*3
    Case("DFT", [(2, 8, 1)], [(2, 8, 2)], vector=240, nest=False),
    Case(
        "DFT",
        [(2, 8, 3, 1), T((), I64, value=6), T((), I64, value=1)],
        [(2, 6, 3, 2)],
        vector=6 * 90,
        reads=192,
        nest=False,
    ),
    Case("DFT", [(2, 8, 1)], [(2, 8, 2)], {"axis": 1}, version=17, vector=240, nest=False),
    # 2*3 frames of 8 points, windowed
    Case("STFT", [(2, 20, 1), T((), I64), (8,)], [(2, 3, 5, 2)], vector=6 * 128, reads=192, nest=False),
    Case(
        "STFT",
        [(2, 20, 1), T((), I64), None, T((), I64, value=8)],
        [(2, 3, 5, 2)],
        vector=6 * 120,
        reads=160,
        nest=False,
    ),
]

LOSSES = [
    # 2*4 targets of 3 classes
    Case(
        "NegativeLogLikelihoodLoss",
        [(2, 3, 4), T((2, 4), I64), (3,)],
        [SCALAR],
        vector=4 * 8,
        special={"DIV": 1},
        reads=32 + 64 + 12,
        nest=False,
    ),
    Case(
        "SoftmaxCrossEntropyLoss",
        [(2, 3, 4), T((2, 4), I64)],
        [(2, 4)],
        {"reduction": "none"},
        vector=96 + 8,
        special={"EXP": 24, "LOG": 8},
        nest=False,
    ),
]

_TREES = {
    "nodes_treeids": [0, 0, 0, 0, 0, 1],
    "nodes_nodeids": [0, 1, 2, 3, 4, 0],
    "nodes_modes": ["BRANCH_LEQ", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF", "LEAF"],
    "nodes_truenodeids": [1, 0, 3, 0, 0, 0],
    "nodes_falsenodeids": [2, 0, 4, 0, 0, 0],
}  # depths 2 and 0
_LEAVES = {
    "tree_roots": [0],
    "nodes_truenodeids": [0, 1],
    "nodes_trueleafs": [1, 1],
    "nodes_falsenodeids": [1, 2],
    "nodes_falseleafs": [0, 1],
}
_SGD = {"alpha": 0.9, "beta": 1.0, "norm_coefficient": 0.0, "mode": "standard"}
CLASSIC = [
    Case("Scaler", [(2, 5)], [(2, 5)], domain=ML, vector=20),
    Case("Binarizer", [(2, 5)], [(2, 5)], domain=ML, vector=10),
    Case("Imputer", [(2, 5)], [(2, 5)], domain=ML, vector=20),
    Case("LabelEncoder", [(10,)], [T((10,), I64)], domain=ML, vector=10),
    Case("LabelEncoder", [T((10,), I64)], [T((10,), I64)], domain=ML, version=1, vector=10),
    Case("CategoryMapper", [T((10,), I64)], [T((10,), I64)], domain=ML, vector=10),
    Case("Normalizer", [(2, 5)], [(2, 5)], {"norm": "L2"}, ML, vector=20, special={"DIV": 10, "SQRT": 2}, nest=False),
    Case("Normalizer", [(2, 5)], [(2, 5)], domain=ML, vector=20, special={"DIV": 10}, nest=False),
    Case("OneHotEncoder", [T((4,), I64)], [(4, 3)], {"cats_int64s": [1, 2, 3]}, ML, vector=12, nest=False),
    Case("FeatureVectorizer", [(2, 3), (2, 4)], [(2, 7)], domain=ML, kind=MOVE, nest=False),
    Case(
        "LinearRegressor",
        [(2, 5)],
        [(2, 1)],
        {"coefficients": [1.0] * 5, "intercepts": [1.0]},
        ML,
        macs=10,
        vector=2,
        nest=False,
    ),
    Case(
        "LinearClassifier",
        [(2, 5)],
        [T((2,), I64), (2, 3)],
        {"coefficients": [1.0] * 15, "intercepts": [1.0] * 3},
        ML,
        macs=30,
        vector=6,
        nest=False,
    ),
    # 4 support vectors of 5
    Case(
        "SVMRegressor",
        [(2, 5)],
        [(2, 1)],
        {"support_vectors": [1.0] * 20, "coefficients": [1.0] * 4, "kernel_type": "RBF"},
        ML,
        macs=48,
        vector=16,
        special={"EXP": 8},
        nest=False,
    ),
    Case(
        "SVMClassifier",
        [(2, 5)],
        [T((2,), I64), (2, 3)],
        {"support_vectors": [1.0] * 20, "coefficients": [1.0] * 4},
        ML,
        macs=48,
        nest=False,
    ),
    Case("TreeEnsembleRegressor", [(3, 5)], [(3, 1)], _TREES, ML, vector=3 * (2 + 0 + 2), nest=False),
    Case("TreeEnsembleClassifier", [(3, 5)], [T((3,), I64), (3, 2)], _TREES, ML, vector=12, nest=False),
    # 3 rows, one tree: a comparison, a second one behind its right branch, a leaf's value
    Case("TreeEnsemble", [(3, 5)], [(3, 2)], _LEAVES, ML, vector=3 * (2 + 1), nest=False),
    # the scores of 2 classes through a softmax: 3 vector ops, EXP and DIV each
    Case(
        "TreeEnsemble", [(3, 5)], [(3, 2)], {**_LEAVES, "post_transform": 1}, ML, vector=9 + 18,
        special={"EXP": 6, "DIV": 6}, nest=False,
    ),
    Case(
        "LinearClassifier", [(2, 5)], [T((2,), I64), (2, 3)],
        {"coefficients": [1.0] * 15, "intercepts": [1.0] * 3, "post_transform": "SOFTMAX_ZERO"}, ML,
        macs=30, vector=6 + 4 * 6, special={"EXP": 6, "DIV": 6}, nest=False,
    ),
    Case(
        "SVMRegressor", [(2, 5)], [(2, 1)],
        {"support_vectors": [1.0] * 20, "coefficients": [1.0] * 4, "post_transform": "LOGISTIC"}, ML,
        macs=48, vector=2 * 2, special={"EXP": 2, "DIV": 2}, nest=False,
    ),
]  # fmt: skip

# 15 weights in two tensors; the gradients and states are as large. Rate and count are scalars.
_WEIGHTS = [(2, 3), (9,)]
TRAINING = [
    Case("Adagrad", [(), T((), I64), *_WEIGHTS * 3], _WEIGHTS * 2, domain=MT, vector=7 * 15 + 2,
         special={"SQRT": 15, "DIV": 16}, nest=False),
    Case("Adam", [(), T((), I64), *_WEIGHTS * 4], _WEIGHTS * 3, domain=MT, vector=13 * 15 + 5,
         special={"SQRT": 16, "DIV": 16, "POW": 2}, nest=False),
    Case("Momentum", [(), T((), I64), *_WEIGHTS * 3], _WEIGHTS * 2, _SGD, MT, vector=7 * 15 + 2, nest=False),
    Case("Momentum", [(), T((), I64), *_WEIGHTS * 3], _WEIGHTS * 2, {**_SGD, "mode": "nesterov"}, MT,
         vector=9 * 15 + 2, nest=False),
]  # fmt: skip

CASES = [
    *ELEMENTWISE,
    *CONTRACTIONS,
    *CONVOLUTIONS,
    *POOLS,
    *REDUCTIONS,
    *NORMALIZATIONS,
    *ATTENTIONS,
    *RECURRENT,
    *QUANTIZATION,
    *MOVEMENT,
    *INDEXING,
    *VISION,
    *SORTING,
    *GENERATORS,
    *SIGNALS,
    *LOSSES,
    *CLASSIC,
    *TRAINING,
]
