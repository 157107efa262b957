"""How is a PyTorch model written, with either exporter and without holding weights that are left out anyway?"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import onnx_ir
import torch

Axes = Mapping[int, str]


def export(
    model: torch.nn.Module,
    arguments: tuple[Any, ...],
    path: Path,
    *,
    inputs: Sequence[str],
    outputs: Sequence[str],
    axes: Mapping[str, Any],
) -> None:
    """PyTorch's newer exporter (torch.export)."""
    torch.onnx.export(
        _randomized(model),
        arguments,
        path,
        dynamo=True,
        external_data=True,
        input_names=inputs,
        output_names=outputs,
        dynamic_shapes=axes,
    )


def export_hollow(
    model: torch.nn.Module,
    arguments: tuple[Any, ...],
    path: Path,
    *,
    inputs: Sequence[str],
    outputs: Sequence[str],
    axes: Mapping[str, Any],
) -> None:
    """PyTorch's newer exporter, for a model made in `hollow`: its weights are written nowhere."""
    numbers = itertools.count()  # exporters share weights that are equal
    for module in model.modules():
        for name, weight in module.named_parameters(recurse=False):
            one_element = torch.tensor([next(numbers)], dtype=weight.dtype)
            setattr(module, name, torch.nn.Parameter(one_element.expand(weight.shape), requires_grad=False))
    program = torch.onnx.export(
        model.eval(),
        arguments,
        dynamo=True,
        input_names=inputs,
        output_names=outputs,
        dynamic_shapes=axes,
    )
    for value in program.model.graph.initializers.values():
        weight = value.const_value
        if weight.nbytes > 1024:
            value.const_value = onnx_ir.ExternalTensor(
                f"{path.name}.data", None, None, weight.dtype, shape=weight.shape, name=value.name
            )
    onnx_ir.save(program.model, path)


def trace(
    model: torch.nn.Module,
    arguments: tuple[Any, ...],
    path: Path,
    inputs: Mapping[str, Axes],
    outputs: Mapping[str, Axes],
) -> None:
    """PyTorch's older exporter (TorchScript)."""
    torch.onnx.export(
        _randomized(model),
        arguments,
        path,
        dynamo=False,
        opset_version=17,
        input_names=list(inputs),
        output_names=list(outputs),
        dynamic_axes={**inputs, **outputs},
    )


@contextmanager
def hollow(dtype: torch.dtype) -> Iterator[None]:
    """Modules made in here have parameters of this type without storage; their buffers are real."""
    register = torch.nn.Module.register_parameter

    def register_hollow(module: torch.nn.Module, name: str, value: torch.nn.Parameter | None) -> None:
        register(module, name, value)
        if value is not None:
            module._parameters[name] = torch.nn.Parameter(value.to("meta"), requires_grad=False)

    torch.set_default_dtype(dtype)
    torch.nn.Module.register_parameter = register_hollow
    try:
        yield
    finally:
        torch.nn.Module.register_parameter = register
        torch.set_default_dtype(torch.float32)


def _randomized(model: torch.nn.Module) -> torch.nn.Module:
    """The model ready for inference, no two tensors alike: exporters share equal ones, such as biases of zeros."""
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
        elif isinstance(tensor, torch.nn.Parameter) or name.endswith("running_mean"):
            tensor.add_(torch.randn_like(tensor), alpha=0.02)
    return model.eval()
