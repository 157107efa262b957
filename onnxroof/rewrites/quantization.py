"""Quantize and dequantize nodes that live on in their neighbours.

Exporters write a quantized operator as `DequantizeLinear -> operator -> QuantizeLinear`. A runtime computes it on
integers; so the operator takes the integer tensors as its own and the nodes around it are absorbed:

- a contraction all of whose activations and weights are dequantized computes in the activations' integer type,
  whether or not its result is quantized again;
- any other operator needs the pair: all its float inputs dequantized (or constant) and its only reader a quantize;
- an activation function between a quantized operator and its quantize goes along;
- a contraction of which only the weight is dequantized (weight-only quantization) computes in the activation's type,
  reads the packed weight and dequantizes it on the fly, which counts as vector work.

Scales and zero points become operands of the operator that took the node over. What has no such neighbour stays
a node with its own work and bytes; a dequantized constant that nobody took over is folded.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from onnxroof.dtypes import DType, Kind
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
    ops: list[Op]
    tensors: dict[str, Tensor]
    readers: dict[str, list[int]] = field(default_factory=dict)
    dequantized: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    makers: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for index, op in enumerate(self.ops):
            for name in dict.fromkeys(op.inputs):
                if name:
                    self.readers.setdefault(name, []).append(index)
            for name in op.outputs:
                self.makers[name] = index
            if op.op_type == "DequantizeLinear" and op.disposition is None:
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
            self.tensors[name] = Tensor(
                name=name, dtype=self.tensors[stored].dtype, shape=self.tensors[op.outputs[0]].shape,
                kind=TensorKind.WEIGHT, origin=self.tensors[stored].origin or stored,
            )  # fmt: skip
            self.dequantized[op.outputs[0]] = (name, parameters)
            self.ops[index] = dataclasses.replace(op, disposition=OpKind.CONSTANT)

    def take_over(self, index: int) -> None:
        """Lets one operator absorb the nodes around it, if they are of one of the forms."""
        op = self.ops[index]
        if op.disposition is not None or op.op_type in ("QuantizeLinear", "DequantizeLinear"):
            return
        floats = [name for name in op.inputs if name and self.tensors[name].dtype.kind is Kind.FLOAT]
        activations = [name for name in floats if not self._is_weight(name)]
        is_contraction = op.op_type in _CONTRACTIONS
        if activations and all(name in self.dequantized for name in activations):
            weights = [name for name in op.inputs[1:2] if name in floats and self._is_weight(name)]
            behind = self._quantize_behind(index)
            if all(name in self.dequantized for name in weights) if is_contraction else behind:
                self._compute_on_integers(index, behind)
        elif (
            is_contraction and len(op.inputs) > 1 and op.inputs[1] in self.dequantized and self._is_weight(op.inputs[1])
        ):
            self._dequantize_on_the_fly(index)

    def settle_dequantizes(self) -> None:
        """A dequantize without readers is absorbed; one of a constant that is left is folded."""
        read = {name for op in self.ops if op.disposition is None for name in op.inputs}
        for index, op in enumerate(self.ops):
            if op.op_type != "DequantizeLinear" or op.disposition is not None:
                continue
            output = self.tensors[op.outputs[0]]
            if op.outputs[0] not in read and not output.is_output:
                self.ops[index] = dataclasses.replace(op, disposition=OpKind.ABSORBED)
            elif all(self.tensors[name].kind is TensorKind.WEIGHT for name in op.inputs if name):
                self.ops[index] = dataclasses.replace(op, disposition=OpKind.CONSTANT)
                self.tensors[op.outputs[0]] = dataclasses.replace(output, kind=TensorKind.WEIGHT)

    def _is_weight(self, name: str) -> bool:
        source = self.dequantized.get(name)
        return self.tensors[source[0] if source else name].kind is TensorKind.WEIGHT

    def _only_reader(self, name: str) -> int | None:
        readers = self.readers.get(name, [])
        return readers[0] if len(readers) == 1 and not self.tensors[name].is_output else None

    def _quantize_behind(self, index: int) -> list[int]:
        """Indices from the operator's reader to the quantize of its result; empty where there is none."""
        if len([name for name in self.ops[index].outputs if name]) != 1:
            return []
        reader = self._only_reader(self.ops[index].outputs[0])
        if reader is None:
            return []
        if self.ops[reader].op_type == "QuantizeLinear":
            return [reader]
        if self.ops[reader].op_type in _ACTIVATIONS:
            behind = self._only_reader(self.ops[reader].outputs[0])
            if behind is not None and self.ops[behind].op_type == "QuantizeLinear":
                return [reader, behind]
        return []

    def _compute_on_integers(self, index: int, chain: list[int]) -> None:
        op = self.ops[index]
        inputs, parameters = self._stored(op)
        first = next(name for name in op.inputs if name in self.dequantized and not self._is_weight(name))
        compute_type = self.tensors[self.dequantized[first][0]].dtype
        taken = dataclasses.replace(op, inputs=inputs, parameters=parameters, compute_type=compute_type.name)
        if not chain:
            self.ops[index] = taken
            return
        quantize = self.ops[chain[-1]]
        added = tuple(name for name in quantize.inputs[1:] if name)
        self.ops[chain[-1]] = dataclasses.replace(quantize, disposition=OpKind.ABSORBED)
        if len(chain) == 1:
            self.ops[index] = dataclasses.replace(taken, outputs=quantize.outputs, parameters=(*parameters, *added))
            return
        self.ops[index] = taken
        self._retype(op.outputs[0], self.tensors[quantize.outputs[0]].dtype)
        middle = self.ops[chain[0]]
        self.ops[chain[0]] = dataclasses.replace(
            middle,
            outputs=quantize.outputs,
            parameters=added,
            compute_type=self.tensors[quantize.outputs[0]].dtype.name,
        )

    def _dequantize_on_the_fly(self, index: int) -> None:
        op = self.ops[index]
        stored, parameters = self.dequantized[op.inputs[1]]
        inputs = (op.inputs[0], stored, *op.inputs[2:])
        self.ops[index] = dataclasses.replace(
            op, inputs=inputs, parameters=parameters, compute_type=self.tensors[op.inputs[0]].dtype.name,
            dequantized_elements=self.tensors[stored].elements if self.tensors[stored].is_shaped else 0,
        )  # fmt: skip

    def _stored(self, op: Op) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The operator's inputs in stored form, and the scales and zero points that come with them."""
        inputs, parameters = [], dict[str, None]()
        for name in op.inputs:
            stored, extra = self.dequantized.get(name, (name, ()))
            inputs.append(stored)
            parameters.update(dict.fromkeys(extra))
        return tuple(inputs), tuple(parameters)

    def _retype(self, name: str, dtype: DType) -> None:
        self.tensors[name] = dataclasses.replace(self.tensors[name], dtype=dtype)
