"""A workload as if it had been exported in other element types: bytes and arithmetic change, shapes do not.

What a policy leaves in its `rest` type is what practice leaves there: normalisation, softmax, elementwise operators,
embeddings and biases, products of two activations (scores of an attention), attention operators. Narrow formats are
for the factors of a contraction with a weight and for caches. Their bytes are counted as stored, scales of blocks
included; one scale a tensor, a channel or a token, as formats without blocks have it, is not counted.

A contraction computes in the wider of its factors' types, as `onnxroof.rewrites.quantization` has it for files that are
quantized. A factor that is narrower than that and a float, or of another kind, is dequantized on the fly: one vector
operation an element. So is a cache that an attention reads. Quantizing a result costs
nothing: it is its producer's output stage.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping

from onnxroof.dtypes import DType, Kind
from onnxroof.ir.op import Op, OpKind
from onnxroof.ir.tensor import Tensor, TensorKind
from onnxroof.ir.workload import Workload
from onnxroof.rewrites.operands import FACTORS, PACKED, REARRANGES
from onnxroof.rewrites.policy import Format, Policy

__all__ = ["converted", "converts_alike", "recast"]

# Their result has the elements of their first input, and so its format.
_SAME_ELEMENTS = REARRANGES | {"Expand", "Dropout"}
_HALF_BITS = 16
_RANK_OF_A_TABLE = 2  # of an embedding, whose rows are activations
_BYTES = (DType.UINT8, DType.INT8)


def converted(workload: Workload, dtype: DType) -> Workload:
    """Every float tensor, and every quantized integer tensor of up to 16 bits, becomes a tensor of `dtype`.

    Indices and shapes (32 and 64 bits) keep their type, as do booleans and strings. Operators that compute in a type
    of their own do so in `dtype`; none reads scales or dequantizes a weight on the fly any more, but for those whose
    weights are packed into bytes: a byte is no element there, so these stay as they are.
    """
    whole, packed = Format(dtype), _packed(workload)
    tensors = {
        name: _stored(tensor, whole) if _is_data(tensor.dtype) and name not in packed else tensor
        for name, tensor in workload.tensors.items()
    }
    return dataclasses.replace(workload, tensors=tensors, ops=tuple(_converted_op(op, dtype) for op in workload.ops))


def converts_alike(workload: Workload) -> bool:
    """Whether `converted` treats all tensors of a type alike: none is taken for what its operator makes of it."""
    return not _packed(workload)


def recast(workload: Workload, policy: Policy, caches: Iterable[str] = ()) -> Workload:
    """The workload in the formats of a policy.

    Args:
        workload: With quantization absorbed. What is quantized in it stays so, unless the policy is for the whole.
        policy: Formats.
        caches: Names of tensors that hold keys and values of earlier tokens.
    """
    if policy.is_whole:
        found = converted(workload, policy.rest)
    else:
        found = _Recast(workload, policy, frozenset(caches)).result()
    notes = (*workload.notes, _note(policy, len(_packed(workload))))
    return dataclasses.replace(found, precision=policy.text, notes=notes)


def _packed(workload: Workload) -> frozenset[str]:
    """Names of tensors of bytes that hold elements of other widths."""
    found = {op.inputs[i] for op in workload.ops for i in PACKED.get(op.key, ()) if i < len(op.inputs)}
    return frozenset(name for name in found if name and workload.tensors[name].dtype in _BYTES)


def _note(policy: Policy, packed: int) -> str:
    stay = f"; {packed} tensors of packed weights stay as the file has them" if packed else ""
    return _taken(policy) + stay


def _taken(policy: Policy) -> str:
    if policy.is_whole:
        return f"precision {policy.text}: every float, and what was quantized, is taken as {policy.rest.name}"
    parts = (
        ("weights of contractions", policy.weights),
        ("activations multiplied with them", policy.activations),
        ("key/value caches", policy.cache),
    )
    words = ", ".join(f"{what} {_words(form)}" for what, form in parts)
    return f"precision {policy.text}: {words}; all other floats {policy.rest.name}"


def _words(form: Format) -> str:
    scale = form.scale
    return form.dtype.name + (f" with {scale.bits} bits of scale for {scale.elements} elements" if scale else "")


def _stored(tensor: Tensor, form: Format) -> Tensor:
    return dataclasses.replace(tensor, dtype=form.dtype, scale=form.scale)


def _converted_op(op: Op, dtype: DType) -> Op:
    if not op.compute_type:
        return op
    compute_type = dtype.name if _is_data(DType[op.compute_type]) else op.compute_type
    return dataclasses.replace(op, compute_type=compute_type, parameters=(), conversion_ops=0)


def _is_data(dtype: DType) -> bool:
    return dtype.kind is Kind.FLOAT or (dtype.kind is Kind.INTEGER and 0 < dtype.bits <= _HALF_BITS)


class _Recast:
    """One workload under one policy that has several formats."""

    def __init__(self, workload: Workload, policy: Policy, caches: frozenset[str]) -> None:
        self.workload = workload
        self.policy = policy
        self.owners = _owners(workload)
        self.stacks = {self._owner(op.inputs[0]) for op in workload.ops if _takes_matrices(op, workload)}
        # Later roles win: a cache that is also a factor stays a cache.
        roles = {self._owner(name): policy.weights for op in self._running() for name in self._factors(op)[0]}
        roles |= {self._owner(name): policy.activations for op in self._running() for name in self._factors(op)[1]}
        self.caches = {self._owner(name) for name in caches}
        self.roles: Mapping[str, Format] = roles | dict.fromkeys(self.caches, policy.cache)
        self.tensors = {name: self._tensor(tensor) for name, tensor in workload.tensors.items()}

    def result(self) -> Workload:
        """The workload in the formats of the policy."""
        ops = tuple(op if op.disposition else self._op(op) for op in self.workload.ops)
        return dataclasses.replace(self.workload, tensors=self.tensors, ops=ops)

    def _running(self) -> Iterator[Op]:
        return (op for op in self.workload.ops if op.disposition is None)

    def _owner(self, name: str) -> str:
        return self.owners.get(name, name)

    def _factors(self, op: Op) -> tuple[list[str], list[str]]:
        """Weights and activations that an operator multiplies; none where it has not both."""
        names = [op.inputs[i] for i in FACTORS.get(op.key, ()) if i < len(op.inputs) and op.inputs[i]]
        weights = [name for name in names if self._is_weight(name)]
        others = [name for name in names if not self._is_weight(name)]
        return (weights, others) if weights and others else ([], [])

    def _is_weight(self, name: str) -> bool:
        return self.workload.tensors[name].kind is TensorKind.WEIGHT or self._owner(name) in self.stacks

    def _tensor(self, tensor: Tensor) -> Tensor:
        if tensor.dtype.kind is not Kind.FLOAT:
            return tensor
        return _stored(tensor, self.roles.get(self._owner(tensor.name), Format(self.policy.rest)))

    def _op(self, op: Op) -> Op:
        weights, activations = self._factors(op)
        if weights:
            factors = [self.tensors[name] for name in (*activations, *weights)]
            widest = max((factor.dtype for factor in factors), key=lambda dtype: dtype.bits)
            narrow = [factor for factor in factors if _needs_conversion(factor.dtype, widest)]
            return dataclasses.replace(op, compute_type=widest.name, conversion_ops=_elements(narrow))
        if op.op_type in REARRANGES:
            return op
        compute_type = op.compute_type
        if compute_type and DType[compute_type].kind is Kind.FLOAT:
            compute_type = self.policy.rest.name
        first = next((self.tensors[name].dtype for name in (*op.inputs, *op.outputs) if name), DType.UNDEFINED)
        before = next((self.workload.tensors[name].dtype for name in (*op.inputs, *op.outputs) if name), first)
        if not compute_type and first is not before:
            compute_type = self.policy.rest.name
        read = [self.tensors[name] for name in dict.fromkeys(op.inputs) if name and self._owner(name) in self.caches]
        if (op.key not in FACTORS and "Attention" not in op.op_type) or not self._is_narrow_cache():
            read = []
        return dataclasses.replace(op, compute_type=compute_type, conversion_ops=op.conversion_ops + _elements(read))

    def _is_narrow_cache(self) -> bool:
        return _needs_conversion(self.policy.cache.dtype, self.policy.rest)


def _takes_matrices(op: Op, workload: Workload) -> bool:
    """Whether an operator takes some of a stack of weight matrices, as a mixture of experts does: they stay weights."""
    if op.domain or op.op_type not in ("Gather", "GatherND"):
        return False
    table = workload.tensors[op.inputs[0]]
    return table.kind is TensorKind.WEIGHT and len(table.shape or ()) > _RANK_OF_A_TABLE


def _needs_conversion(stored: DType, computed: DType) -> bool:
    """Whether elements are brought to the type of the arithmetic: integers are widened by the multiplier itself."""
    return stored.kind is not computed.kind or (stored.kind is Kind.FLOAT and stored.bits < computed.bits)


def _elements(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.elements for tensor in tensors if tensor.is_shaped)


def _owners(workload: Workload) -> dict[str, str]:
    """One name for all tensors that hold the same elements: rearranged, or passed through the border of a loop."""
    parent: dict[str, str] = {}

    def find(name: str) -> str:
        while parent.get(name, name) != name:
            parent[name] = parent.get(parent[name], parent[name])
            name = parent[name]
        return name

    for name, tensor in workload.tensors.items():
        if tensor.origin in workload.tensors:
            parent[find(name)] = find(tensor.origin)
    for op in workload.ops:
        pairs = zip(op.inputs, op.outputs, strict=False)
        if op.op_type in _SAME_ELEMENTS or _takes_matrices(op, workload):
            pairs = zip(op.inputs[:1], op.outputs[:1], strict=False)
        elif op.disposition is not OpKind.VIEW:
            continue
        for source, result in pairs:
            if source and result:
                parent[find(result)] = find(source)
    return {name: find(name) for name in workload.tensors}
