"""The library in three calls: `load` a model, `load_target`, `analyze`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxroof.ir.workload import Workload
from onnxroof.study.analyze import run_study
from onnxroof.study.load import load
from onnxroof.study.result import Analysis as Study
from onnxroof.targets.catalog import DEFAULT_SHELF, load_target
from onnxroof.targets.model import Target

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Analysis", "analyze", "load", "load_target"]


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
    targets: Sequence[str | Target] | None = None,
    *,
    dims: Mapping[str, int] | None = None,
    fusion: str | None = None,
    objective: str = "latency",
    **options: Any,
) -> Analysis:
    """Evaluates models on targets.

    Args:
        models: One or several files or loaded workloads.
        targets: Ids, files or targets; the default shelf of eight when left out.
        dims: Values of named dimensions.
        fusion: One policy, None for all that exist.
        objective: latency | energy | edp.
        options: Further options of `onnxroof.study.analyze.run_study`.

    Raises:
        OnnxroofError: An input is bad; with several models, a bad one is a `Failure` in its place instead.
    """
    several = [models] if isinstance(models, (str, Path, Workload)) else list(models)
    study = run_study(several, targets or DEFAULT_SHELF, dims=dims, fusion=fusion, objective=objective, **options)
    if len(study.models) == 1 and hasattr(study.models[0], "error"):
        raise study.models[0].error
    return Analysis(
        models=study.models,
        objective=study.objective,
        fusion=study.fusion,
        has_targets=study.has_targets,
        command=study.command,
    )
