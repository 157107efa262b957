"""Quantize and dequantize nodes that live on in their neighbours.

Exporters write a quantized operator as `DequantizeLinear -> operator -> QuantizeLinear`. A runtime computes it on
integers; so the operator takes the integer tensors as its own and the nodes around it are absorbed:

- a contraction all of whose activations and weights are dequantized computes in the activations' integer type,
  whether or not its result is quantized again;
- any other operator needs the pair: all its float inputs dequantized (or constant) and each result read by nothing but
  a quantize;
- an activation function between a quantized operator and its quantize goes along;
- a contraction of which only the weight is dequantized (weight-only quantization) computes in the activation's type,
  reads the packed weight and dequantizes it on the fly, which counts as vector work.

Scales and zero points become operands of the operator that took the node over. What has no such neighbour stays
a node with its own work and bytes; a dequantized constant that nobody took over is folded, and what is computed from
it alone too.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from onnxroof.dtypes import Kind
from onnxroof.ir.op import Op, OpKind
from onnxroof.ir.tensor import Tensor, TensorKind
from onnxroof.ir.workload import Workload

__all__ = ["absorb_quantization"]

_CONTRACTIONS = frozenset(
    {"Conv", "ConvTranspose", "MatMul", "Gemm", "Einsum", "FusedConv", "FusedGemm", "FusedMatMul"}
)
_ACTIVATIONS = frozenset(
    {"Relu", "LeakyRelu", "Clip", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Elu", "Selu", "Softplus", "Gelu"}
    | {"Swish", "Mish", "PRelu", "ThresholdedRelu", "Celu"}
)
_REARRANGES = frozenset({"Identity", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten"})
_NOT_FOLDED = frozenset({"Bernoulli", "Multinomial", "RandomNormalLike", "RandomUniformLike"})
# These do not read their inputs when the model runs.
_GONE = (OpKind.CONSTANT, OpKind.HOST, OpKind.ABSORBED)


def absorb_quantization(workload: Workload) -> Workload:
    """The workload with quantize and dequantize nodes absorbed where a runtime would compute on integers."""
    if not any(op.op_type == "DequantizeLinear" for op in workload.ops):
        return workload
    rewrite = _Rewrite(list(workload.ops), dict(workload.tensors))
    rewrite.follow_rearranged_weights()
    for index in range(len(rewrite.ops)):
        rewrite.take_over(index)
    rewrite.settle_dequantizes()
    return dataclasses.replace(workload, ops=tuple(rewrite.ops), tensors=rewrite.tensors)


@dataclass(slots=True)
class _Rewrite:
    """Operators and tensors while they are rewritten.

    Attributes:
        ops: In topological order.
        tensors: By name.
        readers: Indices of the operators that read a tensor when the model runs.
        dequantized: Stored tensor, and scale and zero point, by the name of the float tensor that they stand for.
        rearranged: Index of the operator that makes a transposed or reshaped dequantized weight, by the weight's name.
    """

    ops: list[Op]
    tensors: dict[str, Tensor]
    readers: dict[str, list[int]] = field(default_factory=dict)
    dequantized: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    rearranged: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for index, op in enumerate(self.ops):
            if op.disposition not in _GONE:
                for name in dict.fromkeys(op.inputs):
                    if name:
                        self.readers.setdefault(name, []).append(index)
            if op.op_type == "DequantizeLinear" and op.disposition is None and _is_whole(op):
                self.dequantized[op.outputs[0]] = (op.inputs[0], tuple(n for n in op.inputs[1:] if n))

    def follow_rearranged_weights(self) -> None:
        """A transposed or reshaped dequantized weight is the dequantized form of the transposed weight."""
        for index, op in enumerate(self.ops):
            if op.op_type not in _REARRANGES or op.disposition is not None or not op.inputs:
                continue
            source = self.dequantized.get(op.inputs[0])
            if source is None or self.tensors[source[0]].kind is not TensorKind.WEIGHT:
                continue
            stored, parameters = source
            name = f"{op.outputs[0]}/quantized"
            while name in self.tensors:
                name += "_"
            self.tensors[name] = Tensor(
                name=name, dtype=self.tensors[stored].dtype, shape=self.tensors[op.outputs[0]].shape,
                kind=TensorKind.WEIGHT, origin=self.tensors[stored].origin or stored,
            )  # fmt: skip
            self.dequantized[op.outputs[0]] = (name, parameters)
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
        is_contraction = op.op_type in _CONTRACTIONS
        if activations and all(name in self.dequantized for name in activations):
            weights = [name for name in op.inputs[:2] if name in floats and self._is_weight(name)]
            behind = self._quantizes_behind(index)
            if all(name in self.dequantized for name in weights) if is_contraction else behind:
                self._compute_on_integers(index, behind)
                return
        if is_contraction and activations:
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
                if op.op_type in _REARRANGES:
                    origin = self.tensors[op.inputs[0]].origin or op.inputs[0]
                self.tensors[name] = dataclasses.replace(self.tensors[name], kind=TensorKind.WEIGHT, origin=origin)
                folded.add(name)

    def _is_weight(self, name: str) -> bool:
        source = self.dequantized.get(name)
        return self.tensors[source[0] if source else name].kind is TensorKind.WEIGHT

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

    def _compute_on_integers(self, index: int, behind: list[int]) -> None:
        op = self.ops[index]
        inputs, parameters = self._stored(op)
        first = next(name for name in op.inputs if name in self.dequantized and not self._is_weight(name))
        compute_type = self.tensors[self.dequantized[first][0]].dtype
        taken = dataclasses.replace(op, inputs=inputs, parameters=parameters, compute_type=compute_type.name)
        self.ops[index] = taken
        if not behind:
            return
        if self.ops[behind[0]].op_type != "QuantizeLinear":
            self._pass_through_activation(op.outputs[0], *behind)
            return
        stored = {}
        for place in behind:
            quantize = self.ops[place]
            stored[quantize.inputs[0]] = quantize.outputs[0]
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

    def _dequantize_on_the_fly(self, index: int) -> None:
        """Of the two factors one is a dequantized weight and the other is not constant."""
        op = self.ops[index]
        factors = tuple(name for name in op.inputs[:2] if name)
        places = [i for i, name in enumerate(factors) if name in self.dequantized and self._is_weight(name)]
        if len(factors) < 2 or len(places) != 1 or self._is_weight(factors[1 - places[0]]):
            return
        stored, parameters = self.dequantized[factors[places[0]]]
        self.ops[index] = dataclasses.replace(
            op,
            inputs=tuple(stored if i == places[0] else name for i, name in enumerate(op.inputs)),
            parameters=parameters,
            compute_type=self.tensors[factors[1 - places[0]]].dtype.name,
            dequantized_elements=self.tensors[stored].elements if self.tensors[stored].is_shaped else 0,
        )

    def _stored(self, op: Op) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The operator's inputs in stored form, and the scales and zero points that come with them."""
        inputs, parameters = [], dict[str, None]()
        for name in op.inputs:
            stored, extra = self.dequantized.get(name, (name, ()))
            inputs.append(stored)
            parameters.update(dict.fromkeys(extra))
        return tuple(inputs), tuple(parameters)


def _is_whole(op: Op) -> bool:
    """Whether a quantize or dequantize has its operands: a damaged model may hold one that does not."""
    return all(op.inputs[:2]) and len(op.inputs) >= 2 and all(op.outputs) and len(op.outputs) == 1
