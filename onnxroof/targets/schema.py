"""Which keys does a target file have, and what may stand in each?

One pydantic class for each table of the file; what a single key cannot show (a source that is not defined, two
levels of one name) is in `onnxroof.targets.checks`.
"""

from __future__ import annotations

import datetime
import difflib
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from onnxroof.dtypes import DType, Kind
from onnxroof.units import UNITS, Dimension, UnitError, parse

__all__ = [
    "ArrayTable",
    "ChipTable",
    "EngineTable",
    "MemoryTable",
    "ModeTable",
    "PeakTable",
    "QuantityTable",
    "SourceTable",
    "SparsityTable",
    "SupportTable",
    "Table",
    "TargetTable",
    "json_schema",
]

FAULT = "fault"
"""Type of the errors that this module raises itself; their context holds message and hint."""

_TYPES = [dtype.name for dtype in DType if dtype.kind in (Kind.FLOAT, Kind.INTEGER)]
_COMMON_TYPES = {
    "FP64": "DOUBLE",
    "FP32": "FLOAT",
    "F32": "FLOAT",
    "FLOAT32": "FLOAT",
    "SINGLE": "FLOAT",
    "FP16": "FLOAT16",
    "F16": "FLOAT16",
    "HALF": "FLOAT16",
    "BF16": "BFLOAT16",
    "FP8": "FLOAT8E4M3FN",
    "E4M3": "FLOAT8E4M3FN",
    "E5M2": "FLOAT8E5M2",
    "FP4": "FLOAT4E2M1",
}


def _fault(message: str, hint: str = "", *, code: str) -> PydanticCustomError:
    return PydanticCustomError(FAULT, "{message}", {"message": message, "hint": hint, "code": code})


def _type_name(name: str) -> str:
    if name in _TYPES:
        return name
    close = difflib.get_close_matches(name.upper(), _TYPES, n=1)
    meant = _COMMON_TYPES.get(name.upper()) or (close[0] if close else "")
    hint = f"write `{meant}`" if meant else "the types are " + ", ".join(_TYPES)
    raise _fault(f"expected a numeric type in ONNX spelling, found `{name}`", hint, code="T203")


def _version(number: int) -> int:
    if number != 1:
        raise _fault(f"expected 1, the only version of the format, found `{number}`", code="T203")
    return number


class _UnitOf:
    """Validates that a unit measures what its key asks for, and names those that do in the JSON Schema."""

    def __init__(self, dimension: Dimension) -> None:
        self.dimension = dimension

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "enum": [unit for unit, known in UNITS.items() if known.dimension is self.dimension]}

    def __call__(self, unit: str) -> str:
        try:
            parse(1, unit, self.dimension)
        except UnitError as error:
            raise _fault(error.message, error.hint, code="T204") from None
        return unit


# Shown as they are: no control characters, spelled out since editors do not know the class of Unicode.
Word = Annotated[str, Field(pattern=r"^[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$")]
Remark = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
TypeName = Annotated[str, AfterValidator(_type_name), Field(json_schema_extra={"enum": [*_TYPES]})]
OperatorName = Annotated[str, Field(pattern=r"^([a-z][a-z0-9_.-]*:)?[A-Z][A-Za-z0-9_]*$")]
Extent = Annotated[int, Field(ge=1)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]


class Table(BaseModel):
    """A table of the file: exact types, no other keys."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class QuantityTable(Table):
    """A number with its unit and its source; `where` says where in the source."""

    value: NotNegative
    unit: str
    source: str
    where: Remark = ""


class Capacity(QuantityTable):
    """Bytes."""

    value: Positive
    unit: Annotated[str, _UnitOf(Dimension.CAPACITY)]


class Bandwidth(QuantityTable):
    """Bytes per second."""

    value: Positive
    unit: Annotated[str, _UnitOf(Dimension.BANDWIDTH)]


class Rate(QuantityTable):
    """Operations per second."""

    value: Positive
    unit: Annotated[str, _UnitOf(Dimension.RATE)]


class OperationEnergy(QuantityTable):
    """Energy of one operation."""

    unit: Annotated[str, _UnitOf(Dimension.OPERATION_ENERGY)]


class ByteEnergy(QuantityTable):
    """Energy of one byte that is read or written."""

    unit: Annotated[str, _UnitOf(Dimension.BYTE_ENERGY)]


class Power(QuantityTable):
    """Watts."""

    unit: Annotated[str, _UnitOf(Dimension.POWER)]


class PowerCap(Power):
    """Watts, more than none."""

    value: Positive


class Time(QuantityTable):
    """Seconds."""

    unit: Annotated[str, _UnitOf(Dimension.TIME)]


class Frequency(QuantityTable):
    """Hertz."""

    value: Positive
    unit: Annotated[str, _UnitOf(Dimension.FREQUENCY)]


class Length(QuantityTable):
    """Metres."""

    value: Positive
    unit: Annotated[str, _UnitOf(Dimension.LENGTH)]


class Area(QuantityTable):
    """Square metres."""

    value: Positive
    unit: Annotated[str, _UnitOf(Dimension.AREA)]


class Efficiency(QuantityTable):
    """A measured fraction of a peak."""

    value: Fraction
    unit: Annotated[str, _UnitOf(Dimension.RATIO)]


class SourceTable(Table):
    """`[sources.KEY]`: a document, a measurement, a calculation."""

    title: Word
    kind: Literal["vendor", "measured", "derived", "given", "estimate", "recalled", "default"]
    retrieved: datetime.date | None = None
    derived_from: Remark = Field(default="", alias="from")
    url: Remark = ""


class ChipTable(Table):
    """`[chip]`: what belongs to the whole chip."""

    process: Length | None = None
    area: Area | None = None
    clock: Frequency | None = None
    cores: Extent = 1
    static_power: Power | None = None
    idle_power: Power | None = None
    power_cap: PowerCap | None = None
    launch_overhead: Time | None = None
    host_link: Bandwidth | None = None
    lanes: Extent = 1


class ArrayTable(Table):
    """`array` of an engine: how far one core unrolls a contraction in space."""

    m: Extent
    n: Extent
    k: Extent
    stationary: Literal["weight", "input", "output", "row"] | None = None


class SparsityTable(Table):
    """`sparsity` of an engine: structured zeros that it skips."""

    pattern: Word
    operand: Literal["weight", "activation", "both"]
    speedup: Annotated[float, Field(ge=1, allow_inf_nan=False)]


class PeakTable(Table):
    """`[[engine.peak]]`: the dense peak for one type."""

    input: TypeName
    accumulate: TypeName | None = None
    rate: Rate | None = None
    energy: OperationEnergy | None = None


class EngineTable(Table):
    """`[[engine]]`: compute units of one class."""

    name: Word
    runs: Annotated[list[Literal["mac", "vector", "special"]], Field(min_length=1)]
    overlap: bool = True
    array: ArrayTable | None = None
    sparsity: SparsityTable | None = None
    special_cost: dict[Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")], Positive] = Field(
        default={}, json_schema_extra={"additionalProperties": False}
    )
    peak: list[PeakTable] = []


class MemoryTable(Table):
    """`[[memory]]`: one level, of which the file lists the outermost first."""

    level: Word
    scope: Literal["device", "core", "lane"] = "device"
    capacity: Capacity | None = None
    bandwidth: Bandwidth | None = None
    read_bandwidth: Bandwidth | None = None
    write_bandwidth: Bandwidth | None = None
    energy: ByteEnergy | None = None
    read_energy: ByteEnergy | None = None
    write_energy: ByteEnergy | None = None
    access_width: Capacity | None = None
    overlap: bool = True
    usable: Fraction = 1.0
    keeps: list[Literal["activation", "weight"]] = ["activation", "weight"]
    holds: Annotated[list[Literal["input", "weight", "output"]], Field(min_length=1)] = ["input", "weight", "output"]


class SupportTable(Table):
    """`[support]`: what the device runs; every other operator runs on the host."""

    compiler: Word
    source: str
    where: Remark = ""
    operators: Annotated[list[OperatorName], Field(min_length=1)]
    constant_weights: list[OperatorName] = []
    types: list[TypeName] = []
    largest_rank: Extent | None = None
    cut: Literal["any", "first"] = "any"
    unchecked: Remark = ""


class LayoutTable(Table):
    """`[layout]`: how tensors must lie in the outermost memory."""

    source: str
    where: Remark = ""
    channel_multiple: Extent = 1
    channels_last: bool = False


class ModeEngineTable(EngineTable):
    """`[[modes.NAME.engine]]`: what a mode changes of an engine."""

    runs: Annotated[list[Literal["mac", "vector", "special"]], Field(min_length=1)] | None = None  # type: ignore[assignment]


class ModeTable(Table):
    """`[modes.NAME]`: what a power mode changes; the rest follows its clock."""

    name: Word | None = None
    chip: ChipTable = ChipTable()
    engine: list[ModeEngineTable] = []
    memory: list[MemoryTable] = []


class TargetTable(Table):
    """The file."""

    schema_: Annotated[int, AfterValidator(_version)] = Field(alias="schema", json_schema_extra={"const": 1})
    id: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    name: Word
    extends: Word | None = None
    vendor: Word | None = None
    class_: Literal[
        "datacenter GPU",
        "datacenter NPU",
        "desktop GPU",
        "CPU",
        "edge GPU",
        "edge NPU",
        "client NPU",
        "mobile NPU",
        "MCU",
        "MCU NPU",
        "in-memory compute",
        "academic",
        "custom",
    ] = Field(alias="class")
    released: datetime.date | None = None
    fusion: Literal["none", "epilogue", "depth-first"] | None = None
    fused_attention: bool = False
    sources: Annotated[dict[str, SourceTable], Field(min_length=1)]
    chip: ChipTable = ChipTable()
    engine: Annotated[list[EngineTable], Field(min_length=1)]
    memory: Annotated[list[MemoryTable], Field(min_length=1)]
    layout: LayoutTable | None = None
    support: SupportTable | None = None
    efficiency: dict[str, Efficiency] = {}
    modes: dict[Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")], ModeTable] = Field(
        default={}, json_schema_extra={"additionalProperties": False}
    )


def json_schema() -> dict[str, Any]:
    """The format as a JSON Schema, by which editors complete and check.

    What a file that extends another leaves to its base is required of the others only.
    """
    schema = TargetTable.model_json_schema(by_alias=True)
    own = {"schema", "id", "name"}
    whole = [key for key in schema["required"] if key not in own]
    engine = schema["$defs"]["EngineTable"]
    alone = {
        "required": whole,
        "properties": {"engine": {"items": {"required": engine["required"]}}},
    }
    engine["required"] = ["name"]
    schema |= {"title": "Target of onnxroof", "required": sorted(own), "anyOf": [{"required": ["extends"]}, alone]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
