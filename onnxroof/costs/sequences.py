"""Sequences of tensors, which are handles, and operators for which counting operations has no meaning."""

from __future__ import annotations

from onnxroof.costs.context import VIEW, CostContext
from onnxroof.costs.cost import OpCost, Transfer
from onnxroof.costs.registry import cost, not_modelled
from onnxroof.ir.op import OpKind

__all__ = ["sequence"]


@cost(
    "SequenceAt",
    "SequenceConstruct",
    "SequenceEmpty",
    "SequenceErase",
    "SequenceInsert",
    "SequenceLength",
    kind=OpKind.VIEW,
)
def sequence(ctx: CostContext) -> OpCost:
    """A view: a sequence is a list of handles to tensors."""
    return VIEW


@cost("ConcatFromSequence", kind=OpKind.MOVE)
def concat_from_sequence(ctx: CostContext) -> OpCost:
    """Reads the tensors of the sequence, as large as its output together, and writes the output."""
    return ctx.move((Transfer(ctx.op.inputs[0], ctx.output(0).bytes),))


@cost("SplitToSequence", kind=OpKind.MOVE)
def split_to_sequence(ctx: CostContext) -> OpCost:
    """Reads its input and writes the tensors of the sequence, as large together."""
    return ctx.move(ctx.read(0), (Transfer(ctx.op.outputs[0], ctx.input(0).bytes),))


not_modelled(
    "StringConcat",
    "StringNormalizer",
    "StringSplit",
    "RegexFullMatch",
    reason="string handling runs on the host and its work depends on the text",
)
not_modelled("TfIdfVectorizer", reason="matching n-grams is a search whose work depends on data")
not_modelled("ImageDecoder", reason="decoding an image is the work of a codec, which depends on its format and content")
not_modelled("Tokenizer", domain="com.microsoft", reason="string handling runs on the host and depends on the text")
not_modelled(
    "CastMap",
    "DictVectorizer",
    "ZipMap",
    domain="ai.onnx.ml",
    reason="maps are structures of the host, not tensors",
)
