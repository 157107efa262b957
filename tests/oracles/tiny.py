"""Tiny models written as ONNX text and tiny targets written as TOML text, taken through the real readers."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import onnx
import onnx.parser

from onnxroof.ir.workload import Workload
from onnxroof.roofline.result import TargetResult
from onnxroof.study.analyze import run_study
from onnxroof.study.load import load
from onnxroof.study.result import ModelResult
from onnxroof.targets.model import Target
from onnxroof.targets.read import read_target

__all__ = ["engine", "level", "model", "on_target", "saved", "study", "target", "workload"]


def model(text: str) -> onnx.ModelProto:
    """A model of the text of its graph; of a whole model where the text begins with `<`.

    A value of a graph that is declared between `<` and `>`, has a shape of numbers and is produced by no node is a
    weight whose data lie in a file that does not exist: only its shape and type are there to read.
    """
    opsets = '"" : 23, "com.microsoft" : 1, "my.domain" : 1'
    text = text.strip()
    whole = text if text.startswith("<") else f"<ir_version: 11, opset_import: [{opsets}]> {text}"
    proto = onnx.parser.parse_model(whole)
    _declare_weights(proto.graph)
    return proto


def _declare_weights(graph: onnx.GraphProto) -> None:
    made = {name for node in graph.node for name in node.output} | {tensor.name for tensor in graph.initializer}
    for value in [*graph.value_info]:
        shape = value.type.tensor_type.shape
        if value.name in made or any(not dim.HasField("dim_value") for dim in shape.dim):
            continue
        weight = onnx.TensorProto(
            name=value.name, data_type=value.type.tensor_type.elem_type, dims=[dim.dim_value for dim in shape.dim],
            data_location=onnx.TensorProto.EXTERNAL,
        )  # fmt: skip
        weight.external_data.add(key="location", value="absent.bin")
        graph.initializer.append(weight)
        graph.value_info.remove(value)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _declare_weights(attribute.g)


def saved(folder: Path, text: str, name: str = "tiny.onnx") -> Path:
    """The file of a model."""
    path = folder / name
    path.write_bytes(model(text).SerializeToString())
    return path


def workload(text: str, **dims: int) -> Workload:
    """A model as the study loads it."""
    with tempfile.TemporaryDirectory() as folder:
        return load(saved(Path(folder), text), dims=dims)


def level(
    name: str, capacity: str = "", bandwidth: str = "", energy: str = "", *, rest: str = "", **others: str
) -> str:
    """A memory level; quantities as "16 GiB", `others` are further quantities by key, `rest` is TOML as it stands."""
    quantities = {"capacity": capacity, "bandwidth": bandwidth, "energy": energy, **others}
    lines = [f'[[memory]]\nlevel = "{name}"', *(_quantity(key, text) for key, text in quantities.items() if text)]
    return "\n".join([*lines, rest])


def engine(name: str, runs: str, peaks: Mapping[str, str], *, rest: str = "") -> str:
    """An engine; `runs` as "mac vector", `peaks` as {"INT8": "1 TOP/s, 2 pJ/OP"} of which either may be left out."""
    kinds = ", ".join(f'"{kind}"' for kind in runs.split())
    lines = [f'[[engine]]\nname = "{name}"\nruns = [{kinds}]', rest]
    for dtype, figures in peaks.items():
        lines.append(f'[[engine.peak]]\ninput = "{dtype}"\naccumulate = "{dtype}"')
        known = filter(None, map(str.strip, figures.split(",")))
        lines += [_quantity("rate" if figure.endswith("/s") else "energy", figure) for figure in known]
    return "\n".join(lines)


def _quantity(key: str, text: str) -> str:
    value, unit = text.split()
    return f'{key} = {{ value = {value}, unit = "{unit}", source = "made" }}'


def target(*parts: str, name: str = "tiny", rest: str = "", **chip: str) -> Target:
    """A target of engines and levels; `chip` are quantities of the chip, `rest` is TOML at the top of the file."""
    head = f'schema = 1\nid = "{name}"\nname = "{name.title()}"\nclass = "academic"\n{rest}\n'
    head += '[sources.made]\ntitle = "made up"\nkind = "vendor"\n'
    cores = chip.pop("cores", "")
    body = [f"cores = {cores}"] if cores else []
    body += [_quantity(key, text) for key, text in chip.items()]
    whole = head + "\n".join(["[chip]", *body, *parts])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.toml"
        path.write_text(whole, encoding="utf-8")
        return read_target(path)


def study(text: str, *targets: Target, dims: Mapping[str, int] | None = None, **options: object) -> ModelResult:
    """A model counted, and held against targets if there are any; `options` as of `run_study`."""
    with tempfile.TemporaryDirectory() as folder:
        path = saved(Path(folder), text)
        (entry,) = run_study([path], targets or None, dims=dims, **options).models  # type: ignore[arg-type]
    assert isinstance(entry, ModelResult), entry
    return entry


def on_target(text: str, where: Target, **options: object) -> TargetResult:
    """A model on one target."""
    return study(text, where, **options).targets[0]  # type: ignore[arg-type]
