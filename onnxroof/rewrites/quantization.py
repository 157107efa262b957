"""Quantize and dequantize nodes that live on in their neighbours.

Exporters write a quantized operator as `DequantizeLinear -> operator -> QuantizeLinear`. A runtime computes it on
integers (or on floats of 8 bits and less); so the operator takes the stored tensors as its own and the nodes around it
are absorbed:

- a contraction all of whose activations and weights are dequantized computes in the wider of their types, whether or
  not its result is quantized again. Not if one is integer and the other float, nor if a scale varies along the axis
  over which it sums: no sum of products of the stored values is then the result;
- any other operator needs the pair: all its float inputs dequantized (or constant) and each result read by nothing but
  a quantize. One that only passes elements on needs the same scale on both sides, as nothing in it could apply
  another one; a Concat or Where of several scales requantizes each element;
- an activation function between a quantized operator and its quantize goes along;
- an operator of which only the weight is dequantized (weight-only quantization) computes in the activation's type,
  reads the packed weight and dequantizes it on the fly, which counts as vector work. A Gather dequantizes the rows
  that it takes.

Scales and zero points become operands of the operator that took the node over. Equal quantizes of one tensor are one.
What has no such neighbour stays a node with its own work and bytes; a dequantized constant that nobody took over is
folded, and what is computed from it alone too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field

from onnxroof.dtypes import Kind
from onnxroof.ir.op import Op, OpKind
from onnxroof.ir.tensor import Tensor, TensorKind
from onnxroof.ir.workload import Workload
from onnxroof.rewrites.operands import FACTORS, REARRANGES, is_summed_over

__all__ = ["absorb_quantization"]

_CONTRACTIONS = frozenset(
    {"Conv", "ConvTranspose", "MatMul", "Gemm", "Einsum", "FusedConv", "FusedGemm", "FusedMatMul"}
)
_ACTIVATIONS = frozenset(
    {"Relu", "LeakyRelu", "Clip", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Elu", "Selu", "Softplus", "Gelu"}
    | {"Swish", "Mish", "PRelu", "ThresholdedRelu", "Celu"}
)
# They pass elements of one input on as they are.
_PASSES = REARRANGES | {
    *("MaxPool", "Gather", "GatherElements", "GatherND", "Slice", "Split", "Expand", "Tile", "Pad"),
    *("DepthToSpace", "SpaceToDepth", "ReverseSequence", "Compress"),
}
# They pass on elements of several inputs, and bring them to one scale.
_JOINS = frozenset({"Concat", "Where"})
# Of a joined element: subtract a zero point, multiply, and REQUANTIZE of the costs. As QLinearConcat counts it.
_REQUANTIZE_OPS = 6
_NOT_FOLDED = frozenset({"Bernoulli", "Multinomial", "RandomNormalLike", "RandomUniformLike"})
# These do not read their inputs when the model runs.
_GONE = (OpKind.CONSTANT, OpKind.HOST, OpKind.ABSORBED)


def absorb_quantization(workload: Workload) -> Workload:
    """The workload with quantize and dequantize nodes absorbed where a runtime would compute on integers."""
    if not any(op.op_type == "DequantizeLinear" for op in workload.ops):
        return workload
    rewrite = _Rewrite(list(_without_equal_quantizes(workload)), dict(workload.tensors))
    rewrite.follow_rearranged_weights()
    for index in range(len(rewrite.ops)):
        rewrite.take_over(index)
    rewrite.settle_dequantizes()
    return dataclasses.replace(workload, ops=tuple(rewrite.ops), tensors=rewrite.tensors)


@dataclass(frozen=True, slots=True)
class _Stored:
    """What a float tensor was dequantized from.

    Attributes:
        name: The stored tensor.
        parameters: Its scale and, where there is one, zero point.
        axis: Along which it has one scale each; None for one scale in all, for blocks, or where that is not known.
        has_zero_point: Whether a zero point is subtracted.
    """

    name: str
    parameters: tuple[str, ...]
    axis: int | None
    has_zero_point: bool


@dataclass(slots=True)
class _Rewrite:
    """Operators and tensors while they are rewritten.

    Attributes:
        ops: In topological order.
        tensors: By name.
        readers: Indices of the operators that read a tensor when the model runs.
        dequantized: By the name of the float tensor.
        rearranged: Index of the operator that makes a transposed or reshaped dequantized weight, by the weight's name.
    """

    ops: list[Op]
    tensors: dict[str, Tensor]
    readers: dict[str, list[int]] = field(default_factory=dict)
    dequantized: dict[str, _Stored] = field(default_factory=dict)
    rearranged: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for index, op in enumerate(self.ops):
            if op.disposition not in _GONE:
                for name in dict.fromkeys(op.inputs):
                    if name:
                        self.readers.setdefault(name, []).append(index)
            if op.op_type == "DequantizeLinear" and op.disposition is None and _is_whole(op):
                self.dequantized[op.outputs[0]] = self._dequantized(op)

    def follow_rearranged_weights(self) -> None:
        """A transposed or reshaped dequantized weight is the dequantized form of the transposed weight."""
        for index, op in enumerate(self.ops):
            if op.op_type not in REARRANGES or op.disposition is not None or not op.inputs:
                continue
            source = self.dequantized.get(op.inputs[0])
            if source is None or self.tensors[source.name].kind is not TensorKind.WEIGHT:
                continue
            stored = source.name
            name = f"{op.outputs[0]}/quantized"
            while name in self.tensors:
                name += "_"
            self.tensors[name] = Tensor(
                name=name, dtype=self.tensors[stored].dtype, shape=self.tensors[op.outputs[0]].shape,
                kind=TensorKind.WEIGHT, origin=self.tensors[stored].origin or stored,
            )  # fmt: skip
            axis = _moved_axis(op, source.axis, len(self.tensors[stored].shape or ()))
            self.dequantized[op.outputs[0]] = dataclasses.replace(source, name=name, axis=axis)
            self.rearranged[op.outputs[0]] = index

    def take_over(self, index: int) -> None:
        """Lets one operator absorb the nodes around it, if they are of one of the forms."""
        op = self.ops[index]
        if op.disposition is not None or op.op_type in ("QuantizeLinear", "DequantizeLinear"):
            return
        if any(name in self.rearranged for name in op.outputs):
            return
        floats = [name for name in op.inputs if name and self.tensors[name].dtype.kind is Kind.FLOAT]
        activations = [name for name in floats if not self._is_weight(name)]
        is_gather = op.op_type == "Gather" and any(name in self.dequantized for name in floats)
        if (activations or is_gather) and all(name in self.dequantized for name in activations):
            behind = self._quantizes_behind(index)
            if op.op_type in _CONTRACTIONS:
                if self._multiplies_stored(op):
                    self._compute_on_stored(index, behind)
                    return
            elif behind and self._keeps_scales(op, behind):
                self._compute_on_stored(index, behind)
                return
        if activations or is_gather:
            self._dequantize_on_the_fly(index)

    def settle_dequantizes(self) -> None:
        """Absorbs each dequantize that nobody reads any more, and folds those of constants that are left."""
        read = {name for op in self.ops if op.disposition not in _GONE for name in (*op.inputs, *op.parameters) if name}
        for index in reversed(range(len(self.ops))):
            op = self.ops[index]
            if op.disposition is not None or not any(name in self.dequantized for name in op.outputs):
                continue
            if op.outputs[0] in read or self.tensors[op.outputs[0]].is_output:
                read.update(name for name in op.inputs if name)
            else:
                self.ops[index] = dataclasses.replace(op, disposition=OpKind.ABSORBED)
        self._fold()

    def _fold(self) -> None:
        """Folds dequantized constants, and what is computed from them and other constants alone."""
        folded: set[str] = set()
        for index, op in enumerate(self.ops):
            present = [name for name in op.inputs if name]
            if op.disposition is not None or op.op_type in _NOT_FOLDED:
                continue
            if op.op_type != "DequantizeLinear" and folded.isdisjoint(present):
                continue
            if any(self.tensors[name].kind is not TensorKind.WEIGHT for name in (*present, *op.parameters)):
                continue
            self.ops[index] = dataclasses.replace(op, disposition=OpKind.CONSTANT)
            for name in filter(None, op.outputs):
                origin = ""
                if op.op_type in REARRANGES:
                    origin = self.tensors[op.inputs[0]].origin or op.inputs[0]
                self.tensors[name] = dataclasses.replace(self.tensors[name], kind=TensorKind.WEIGHT, origin=origin)
                folded.add(name)

    def _is_weight(self, name: str) -> bool:
        source = self.dequantized.get(name)
        return self.tensors[source.name if source else name].kind is TensorKind.WEIGHT

    def _dequantized(self, op: Op) -> _Stored:
        scale, rank = self.tensors[op.inputs[1]], len(self.tensors[op.inputs[0]].shape or ())
        has_axis = scale.is_shaped and scale.elements > 1 and not op.attributes.integer("block_size")
        axis = op.attributes.integer("axis", 1) if has_axis else None
        is_sound = axis is not None and -rank <= axis < rank
        return _Stored(
            name=op.inputs[0],
            parameters=tuple(name for name in op.inputs[1:] if name),
            axis=axis % rank if axis is not None and is_sound else None,
            has_zero_point=len(op.inputs) > 2 and bool(op.inputs[2]),
        )

    def _multiplies_stored(self, op: Op) -> bool:
        """Whether the factors of a contraction can be multiplied as they are stored, and scaled afterwards."""
        factors = [(i, self.dequantized.get(op.inputs[i])) for i in (0, 1) if i < len(op.inputs)]
        kinds = set()
        for position, source in factors:
            if source is None:
                return False
            stored = self.tensors[source.name]
            kinds.add(stored.dtype.kind)
            if source.axis is not None and is_summed_over(op, position, source.axis, len(stored.shape or ())):
                return False
        return len(kinds) == 1

    def _keeps_scales(self, op: Op, behind: list[int]) -> bool:
        """Whether an operator that only passes elements on has one scale on both sides; any other applies scales."""
        if op.op_type not in _PASSES and not _is_nearest_resize(op):
            return True
        source = self.dequantized.get(op.inputs[0])
        if source is None:
            return False
        if self.ops[behind[0]].op_type != "QuantizeLinear":  # an activation function between applies the scales
            return self.tensors[self.ops[behind[-1]].outputs[0]].dtype is self.tensors[source.name].dtype
        return all(self._has_scale(self.ops[place], source) for place in behind)

    def _has_scale(self, quantize: Op, source: _Stored) -> bool:
        """Whether a quantize undoes a dequantize. What is not known to be equal is taken as different."""
        parameters = tuple(name for name in quantize.inputs[1:] if name)
        if source.axis is not None or len(parameters) != len(source.parameters):
            return False
        if self.tensors[quantize.outputs[0]].dtype is not self.tensors[source.name].dtype:
            return False
        return all(self._is_same(a, b) for a, b in zip(parameters, source.parameters, strict=True))

    def _is_same(self, one: str, other: str) -> bool:
        if one == other:
            return True
        a, b = self.tensors[one], self.tensors[other]
        return a.dtype is b.dtype and a.value is not None and b.value is not None and a.value == b.value

    def _only_reader(self, name: str) -> int | None:
        readers = self.readers.get(name, [])
        return readers[0] if len(readers) == 1 and not self.tensors[name].is_output else None

    def _quantizes_behind(self, index: int) -> list[int]:
        """Indices of the quantizes of an operator's results, or of an activation function and the quantize behind it.

        Empty where there are none.
        """
        results = [name for name in self.ops[index].outputs if name]
        readers = [reader for reader in map(self._only_reader, results) if reader is not None]
        if not readers or len(readers) < len(results):
            return []
        if all(self._is_static_quantize(reader, name) for reader, name in zip(readers, results, strict=True)):
            return readers
        middle = self.ops[readers[0]]
        if len(readers) == 1 and middle.op_type in _ACTIVATIONS and middle.inputs[0] == results[0]:
            behind = self._only_reader(middle.outputs[0])
            if behind is not None and self._is_static_quantize(behind, middle.outputs[0]):
                return [readers[0], behind]
        return []

    def _is_static_quantize(self, index: int, name: str) -> bool:
        """Whether a node quantizes a tensor by constants: others may be computed only after the tensor is."""
        op = self.ops[index]
        is_quantize = op.op_type == "QuantizeLinear" and _is_whole(op) and op.inputs[0] == name
        return is_quantize and all(self.tensors[n].kind is TensorKind.WEIGHT for n in op.inputs[1:] if n)

    def _compute_on_stored(self, index: int, behind: list[int]) -> None:
        op = self.ops[index]
        inputs, parameters = self._stored(op)
        sources = [self.dequantized[name] for name in op.inputs if name in self.dequantized]
        operands = sources[:1]
        if op.op_type in _CONTRACTIONS:
            operands = [self.dequantized[name] for name in op.inputs[:2]]
            # Where both are equally wide, the activation's type.
            operands.sort(key=lambda source: self.tensors[source.name].kind is TensorKind.WEIGHT)
        compute_type = max((self.tensors[source.name].dtype for source in operands), key=lambda dtype: dtype.bits)
        if op.op_type in _PASSES or _is_nearest_resize(op):
            parameters = ()
        taken = dataclasses.replace(op, inputs=inputs, parameters=parameters, compute_type=compute_type.name)
        if op.op_type in _JOINS:
            taken = self._joined(taken, sources, behind)
        self.ops[index] = taken
        if not behind:
            return
        if self.ops[behind[0]].op_type != "QuantizeLinear":
            self._pass_through_activation(op.outputs[0], *behind)
            return
        stored = {}
        parameters = taken.parameters
        for place in behind:
            quantize = self.ops[place]
            stored[quantize.inputs[0]] = quantize.outputs[0]
            if parameters:
                added = tuple(name for name in quantize.inputs[1:] if name and name not in parameters)
                parameters = (*parameters, *added)
            self.ops[place] = dataclasses.replace(quantize, disposition=OpKind.ABSORBED)
        outputs = tuple(stored.get(name, name) for name in op.outputs)
        self.ops[index] = dataclasses.replace(taken, outputs=outputs, parameters=parameters)

    def _pass_through_activation(self, result: str, middle: int, last: int) -> None:
        """The quantize behind an activation function moves in front of it: both ends of that hold integers."""
        quantize = self.ops[last]
        dtype = self.tensors[quantize.outputs[0]].dtype
        self.ops[last] = dataclasses.replace(quantize, disposition=OpKind.ABSORBED)
        self.tensors[result] = dataclasses.replace(self.tensors[result], dtype=dtype)
        self.ops[middle] = dataclasses.replace(
            self.ops[middle], outputs=quantize.outputs, parameters=tuple(name for name in quantize.inputs[1:] if name),
            compute_type=dtype.name,
        )  # fmt: skip

    def _joined(self, op: Op, sources: list[_Stored], behind: list[int]) -> Op:
        """A Concat or Where on integers: nothing to compute where all have one scale, else each element requantized."""
        quantize = self.ops[behind[-1]]
        result = self.tensors[op.outputs[0]]
        if all(self._has_scale(quantize, source) for source in sources):
            return dataclasses.replace(op, parameters=())
        return dataclasses.replace(op, conversion_ops=_REQUANTIZE_OPS * result.elements if result.is_shaped else 0)

    def _dequantize_on_the_fly(self, index: int) -> None:
        """An operator with a dequantized weight, where what that is multiplied with is not constant."""
        op = self.ops[index]
        if op.op_type == "Gather":
            positions: tuple[int, ...] = (0,)
            compute_type, elements = self.tensors[op.outputs[0]].dtype, self.tensors[op.outputs[0]]
        else:
            positions = tuple(i for i in FACTORS.get(op.key, ()) if i < len(op.inputs) and op.inputs[i])
            others = [op.inputs[i] for i in positions if not self._is_weight(op.inputs[i])]
            if not others:
                return
            compute_type, elements = self.tensors[others[0]].dtype, None
        places = [i for i in positions if op.inputs[i] in self.dequantized and self._is_weight(op.inputs[i])]
        if not places:
            return
        sources = {i: self.dequantized[op.inputs[i]] for i in places}
        converted = [(elements or self.tensors[source.name], source) for source in sources.values()]
        # 1 op a weight element, as MatMulNBits counts; a gathered one as DequantizeLinear would, its zero point too.
        self.ops[index] = dataclasses.replace(
            op,
            inputs=tuple(sources[i].name if i in sources else name for i, name in enumerate(op.inputs)),
            parameters=tuple(dict.fromkeys(name for source in sources.values() for name in source.parameters)),
            compute_type=compute_type.name,
            conversion_ops=sum(
                tensor.elements * (1 + (elements is not None and source.has_zero_point))
                for tensor, source in converted
                if tensor.is_shaped
            ),
        )

    def _stored(self, op: Op) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The operator's inputs in stored form, and the scales and zero points that come with them."""
        inputs, parameters = [], dict[str, None]()
        for name in op.inputs:
            source = self.dequantized.get(name)
            inputs.append(source.name if source else name)
            parameters.update(dict.fromkeys(source.parameters if source else ()))
        return tuple(inputs), tuple(parameters)


def _is_whole(op: Op) -> bool:
    """Whether a quantize or dequantize has its operands: a damaged model may hold one that does not."""
    return all(op.inputs[:2]) and len(op.inputs) >= 2 and all(op.outputs) and len(op.outputs) == 1


def _is_nearest_resize(op: Op) -> bool:
    """Whether a Resize only repeats or drops elements."""
    return op.op_type == "Resize" and op.attributes.text("mode", "nearest") == "nearest"


def _moved_axis(op: Op, axis: int | None, rank: int) -> int | None:
    """Where an axis of its input is in the result of a rearrangement; None where that is not one axis."""
    if axis is None or op.op_type == "Identity":
        return axis
    if op.op_type == "Transpose":
        return (op.attributes.integers("perm") or tuple(reversed(range(rank)))).index(axis)
    return None


def _without_equal_quantizes(workload: Workload) -> Iterator[Op]:
    """The operators where of several quantizes of one tensor by the same scale only the first runs."""
    first: dict[tuple[object, ...], str] = {}
    same: dict[str, str] = {}
    for op in workload.ops:
        if same and any(name in same for name in op.inputs):
            op = dataclasses.replace(op, inputs=tuple(same.get(name, name) for name in op.inputs))  # noqa: PLW2901
        if op.op_type == "QuantizeLinear" and op.disposition is None and _is_whole(op):
            attributes = tuple(sorted((name, repr(value)) for name, value in op.attributes.values.items()))
            kept = first.setdefault((op.inputs, attributes, op.scope), op.outputs[0])
            if kept != op.outputs[0] and not workload.tensors[op.outputs[0]].is_output:
                same[op.outputs[0]] = kept
                op = dataclasses.replace(op, disposition=OpKind.ABSORBED)  # noqa: PLW2901
        yield op
