"""What does a precision policy say: in which formats a model is to be read as if it had been exported?

    POLICY = as-is | TYPE | FORMAT | [wF][aF][kvF]

`TYPE` (fp32, fp16, bf16, int16, int8) takes the whole model into one type, as a chip does that computes in no other.
A part names the format of the weights of contractions (`w`), of the activations that are multiplied with them (`a`),
and of key/value caches (`kv`): `w4a16`, `w8a8`, `w4abf16kvfp8`. Parts that are left out, and all the rest of the
model, are floats of 16 bits. A narrow FORMAT alone stands for all three parts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from onnxroof.dtypes import BlockScale, DType, Kind
from onnxroof.errors import UsageError
from onnxroof.ir.workload import AS_IS

__all__ = ["GRAMMAR", "Format", "Policy", "parse_policy"]

GRAMMAR = (
    "as-is; fp32, fp16, bf16, int16 or int8 (the whole model); fp8, int4, mxfp8, mxfp6, mxfp4 ... (contractions and "
    "caches, the rest in fp16); or weights, activations and cache apart: w4a16, w8a8, w4a16kv8, wmxfp4abf16 ..."
)


@dataclass(frozen=True, slots=True)
class Format:
    """How elements are stored: their type, and the scales of blocks where the format has them."""

    dtype: DType
    scale: BlockScale | None = None


_MX = BlockScale(32, 8)  # OCP Microscaling Formats, version 1.0: 32 elements share one scale of 8 bits
_GROUP = BlockScale(128, 16)  # what GPTQ and AWQ take unless told otherwise: a group of 128 with a scale of 16 bits

_WHOLE: Mapping[str, Format] = {
    "fp32": Format(DType.FLOAT),
    "fp16": Format(DType.FLOAT16),
    "bf16": Format(DType.BFLOAT16),
    "int16": Format(DType.INT16),
    "int8": Format(DType.INT8),
}
_NARROW: Mapping[str, Format] = {
    "fp8": Format(DType.FLOAT8E4M3FN),
    "fp8e5m2": Format(DType.FLOAT8E5M2),
    "int4": Format(DType.INT4, _GROUP),
    "int2": Format(DType.INT2, _GROUP),
    "mxfp8": Format(DType.FLOAT8E4M3FN, _MX),
    "mxfp6": Format(DType.FLOAT6E3M2, _MX),
    "mxfp4": Format(DType.FLOAT4E2M1, _MX),
    "nvfp4": Format(DType.FLOAT4E2M1, BlockScale(16, 8)),  # NVIDIA: 16 elements share one scale in FLOAT8E4M3FN
}
_BITS: Mapping[str, Format] = {
    "32": _WHOLE["fp32"],
    "16": _WHOLE["fp16"],
    "8": _WHOLE["int8"],
    "4": _NARROW["int4"],
    "2": _NARROW["int2"],
}
_FORMATS: Mapping[str, Format] = {**_WHOLE, **_NARROW, **_BITS}

_FORMAT = "|".join(sorted(_FORMATS, key=len, reverse=True))
_PARTS = re.compile(rf"(?:w(?P<w>{_FORMAT}))?(?:a(?P<a>{_FORMAT}))?(?:kv(?P<kv>{_FORMAT}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Formats by what a tensor is for.

    Attributes:
        text: As the user wrote it.
        weights: Of weights that a contraction multiplies.
        activations: Of what is multiplied with such a weight.
        cache: Of key/value caches.
        rest: Type of all other data: other activations and weights, biases, embeddings, normalisation, softmax.
    """

    text: str
    weights: Format
    activations: Format
    cache: Format
    rest: DType

    @classmethod
    def whole(cls, dtype: DType, text: str = "") -> Policy:
        """Everything in one type."""
        one = Format(dtype)
        return cls(text=text or dtype.name, weights=one, activations=one, cache=one, rest=dtype)

    @property
    def is_whole(self) -> bool:
        """Whether everything is in one type, what was quantized before included."""
        return self.weights == self.activations == self.cache == Format(self.rest)


def parse_policy(text: str) -> Policy | None:
    """The policy that a text states; None for `as-is`. Raises `UsageError` that says what is allowed."""
    word = text.strip().lower()
    if word == AS_IS:
        return None
    if word in _WHOLE:
        return Policy.whole(_WHOLE[word].dtype, word)
    half = DType.FLOAT16
    if word in _NARROW:
        one = _NARROW[word]
        return Policy(text=word, weights=one, activations=one, cache=one, rest=half)
    match = _PARTS.fullmatch(word)
    if match is None or not word:
        raise UsageError.at(
            f"--precision {text}", "no such policy",
            f"{GRAMMAR}. Formats of a part: {', '.join((*_BITS, *_WHOLE, *_NARROW))}", code="U201",
        )  # fmt: skip
    activations = _FORMATS[match["a"]] if match["a"] else Format(half)
    rest = half
    if activations.dtype.kind is Kind.FLOAT and activations.dtype.bits >= half.bits:
        rest = activations.dtype
    return Policy(
        text=word,
        weights=_FORMATS[match["w"]] if match["w"] else Format(rest),
        activations=activations,
        cache=_FORMATS[match["kv"]] if match["kv"] else Format(rest),
        rest=rest,
    )
