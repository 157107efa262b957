"""The library in three calls: `load` a model, `load_target`, `analyze`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, SupportsIndex

from onnxroof.ir.workload import AS_IS, Workload
from onnxroof.roofline.duty import Duty
from onnxroof.study.analyze import run_study
from onnxroof.study.load import load
from onnxroof.study.result import Analysis as Study
from onnxroof.study.result import Failure
from onnxroof.targets.catalog import DEFAULT_SHELF, load_target
from onnxroof.targets.model import Target

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Analysis", "Duty", "analyze", "load", "load_target"]


class Analysis(Study):
    """A study that shows itself: as JSON, as the HTML report, as a data frame, and in a notebook."""

    def to_json(self) -> str:
        """The JSON of the contract."""
        from onnxroof.report.json import to_json

        return to_json(self)

    def to_html(self) -> str:
        """The offline report, one file."""
        from onnxroof.report.html import to_html

        return to_html(self)

    def to_dataframe(self) -> pd.DataFrame:
        """One row a node, as `count --format csv` writes them; needs pandas (extra `notebook`)."""
        import io

        import pandas as pd

        from onnxroof.report.csv import node_csv

        return pd.read_csv(io.StringIO(node_csv(self)), keep_default_na=True)

    def _repr_html_(self) -> str:
        """The summary in a notebook."""
        from onnxroof.report.html import summary_fragment

        return summary_fragment(self)


def analyze(
    models: str | Path | Workload | Sequence[str | Path | Workload],
    targets: str | Path | Target | Sequence[str | Path | Target] | None = None,
    *,
    dims: Mapping[str, SupportsIndex] | None = None,
    fusion: str | None = None,
    objective: str = "latency",
    tf32: bool = True,
    copies_cache: bool = False,
    precision: str = AS_IS,
    state: str = "cold",
    sensitivity: bool = False,
    duty: Duty | None = None,
) -> Analysis:
    """Evaluates models on targets.

    Args:
        models: One or several files or loaded workloads.
        targets: One or several ids, files or targets; the default shelf of eight when left out.
        dims: Values of named dimensions of the files.
        fusion: One policy, None for all that exist.
        objective: latency | energy | edp.
        tf32: Whether FLOAT contractions may use TF32.
        copies_cache: Whether an appended key/value cache is copied whole.
        precision: Policy by which models are re-read as if exported in other types: "int8", "w4a16kv8" ...
        state: cold, or steady: weights that fit on chip stay there over repeated runs.
        sensitivity: Whether the report and the JSON are to say how much each number of a target matters.
        duty: How often the models run, from which battery and at which prices, as `onnxroof.Duty`.

    Raises:
        OnnxroofError: An input is bad; with several models, a bad one is a `Failure` in its place instead.
    """
    study = run_study(
        [models] if isinstance(models, (str, Path, Workload)) else list(models),
        [targets] if isinstance(targets, (str, Path, Target)) else DEFAULT_SHELF if targets is None else list(targets),
        dims=dims,
        fusion=fusion,
        objective=objective,
        tf32=tf32,
        copies_cache=copies_cache,
        precision=precision,
        state=state,
        sensitivity=sensitivity,
        duty=duty,
    )
    if len(study.models) == 1 and isinstance(failure := study.models[0], Failure):
        raise failure.error
    return Analysis(
        models=study.models,
        objective=study.objective,
        fusion=study.fusion,
        state=study.state,
        has_targets=study.has_targets,
        has_sensitivity=study.has_sensitivity,
        command=study.command,
        duty=study.duty,
    )
