"""What does the file of `--groups` hold: plans of ours, a bare list of groups, or a model that a runtime optimized?

The format of plan files is described in `docs/plans.md`; `onnxroof.report.plan_file` writes it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxroof.errors import Diagnostic, ModelError, UsageError

if TYPE_CHECKING:  # a study without such a file needs none of these
    from onnxroof.frontend.runtime_graph import RuntimeGraph
    from onnxroof.mapping.correspondence import Correspondence
    from onnxroof.mapping.given import GivenGroup, GivenGroups
    from onnxroof.study.count import Counted

__all__ = ["PLAN_KIND", "PLAN_VERSION", "FilePlan", "GroupsFile", "fingerprint", "read_groups"]

PLAN_KIND = "onnxroof plans"
PLAN_VERSION = "1"

_MOST_BYTES = 2**28
_JSON_STARTS = (b"{", b"[")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_SHORTEST = '{"groups": [["node1", "node2"], ...]} is the shortest form'
_FEW = 8
_STRANGE = 0.5  # of the nodes of a runtime's graph without a tensor of the model


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePlan:
    """One plan of a file; names are None where the file does not say for what it is.

    Attributes:
        model: Name of the model.
        fingerprint: Of its nodes.
        target: Id.
        fusion: The policy.
        is_best: Whether it was the best of its target.
        groups: Operators by group.
    """

    model: str | None = None
    fingerprint: str | None = None
    target: str | None = None
    fusion: str | None = None
    is_best: bool = True
    groups: tuple[GivenGroup, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupsFile:
    """A file with groups: plans, or the graph of a runtime."""

    where: str
    plans: tuple[FilePlan, ...] = field(default=())
    graph: RuntimeGraph | None = None

    def groups(self, count: Counted, targets: Sequence[str]) -> dict[str, GivenGroups]:
        """The groups for a model on each of some targets (ids).

        Of plans for several targets each target has its own, of several for one the best. A file with plans for one
        target alone serves all.

        Raises:
            UsageError: The file has none for the model or for a target.
        """
        from onnxroof.mapping.correspondence import correspondence, runtime_groups
        from onnxroof.mapping.given import GivenGroups

        if self.graph is not None:
            found = correspondence(self.graph, count.workload, count.store)
            if strange := _strange(self.graph, found, count):
                raise UsageError.at(
                    self.where,
                    f"{strange}: it is another model",
                    "give the model that the runtime wrote for this one (`optimized_model_filepath`)",
                    code="U405",
                )
            return dict.fromkeys(targets, runtime_groups(self.where, found, count.workload, count.store))
        own = fingerprint((op.name, op.op_type, op.domain) for op in count.workload.ops)
        plans = [plan for plan in self.plans if plan.fingerprint in (None, own)]
        if not plans:
            names = ", ".join(sorted({f"`{plan.model}`" for plan in self.plans}))
            raise UsageError.at(
                self.where,
                f"its plans are for other models ({names}): the nodes of `{count.workload.name}` differ",
                'write the plan again with `--plan-out`, or leave the groups alone: {"groups": [[...], ...]}',
                code="U405",
            )
        by_target: dict[str | None, FilePlan] = {}
        for plan in plans:
            known = by_target.get(plan.target)
            if known is None or (plan.is_best and not known.is_best):
                by_target[plan.target] = plan
        only = next(iter(by_target.values())) if len(by_target) == 1 else None
        missing = [target for target in targets if target not in by_target and only is None]
        if missing:
            names = ", ".join(f"`{target}`" for target in by_target)
            raise UsageError(*(
                Diagnostic(
                    where=self.where, message=f"it has no plan for the target `{target}`", hint=f"it has {names}",
                    code="U405",
                )
                for target in missing
            ))  # fmt: skip
        shared = {id(plan): GivenGroups(where=self.where, groups=plan.groups) for plan in by_target.values()}
        return {target: shared[id(by_target.get(target, only))] for target in targets}


def _strange(graph: RuntimeGraph, found: Correspondence, count: Counted) -> str:
    """What shows that a runtime's graph is not of this model, "" where nothing does.

    Models often call their inputs and results alike, so that a few tensors in common say little.
    """
    name, tensors = count.workload.name, count.workload.tensors
    if not found.regions:
        return f"none of its nodes makes a tensor that `{name}` has"
    for given, rank in graph.ranks.items():
        shape = tensors[given].shape if given in tensors else None
        if shape is not None and len(shape) != rank:
            return f"its input `{given}` is of rank {rank}, that of `{name}` of rank {len(shape)}"
    lost = len(found.within) + len(found.unmapped)
    most = max(len(names) for _, names in found.regions)
    if lost > max(_FEW, _STRANGE * len(graph.nodes)) and most > _STRANGE * len(count.store.kernels):
        return (
            f"{lost} of its {len(graph.nodes)} nodes make no tensor that `{name}` has, and one would stand for {most} "
            f"of the {len(count.workload.ops)} nodes there"
        )
    return ""


def fingerprint(nodes: Iterable[tuple[str, str, str]]) -> str:
    """What tells models apart whose nodes are not the same: of names, types and domains in order."""
    text = "\n".join("\t".join(node) for node in nodes)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def read_groups(path: Path) -> GroupsFile:
    """Reads a file with groups.

    Raises:
        UsageError: It cannot be read, or is neither a plan file nor a model; all faults at once.
        ModelError: It is a model that is damaged.
    """
    where = str(path)
    try:
        with path.open("rb") as file:
            start = file.read(256)
        if start.startswith(_UTF_16):
            raise UsageError.at(where, "it is UTF-16 text", "save it as UTF-8", code="U401")
        head = start.lstrip(b"\xef\xbb\xbf \t\r\n")
        if head.startswith(_JSON_STARTS):
            if path.stat().st_size > _MOST_BYTES:
                raise UsageError.at(
                    where, f"it is larger than {_MOST_BYTES >> 20} MiB: no list of groups is", code="U401"
                )
            text = path.read_text("utf-8-sig")
        else:
            text = ""
    except UnicodeDecodeError as error:
        raise UsageError.at(where, "it is no UTF-8 text", "save it as UTF-8", code="U401") from error
    except OSError as error:
        raise UsageError.at(where, f"cannot be read: {error.strerror}", "check the path", code="U401") from error
    if not text:
        from onnxroof.frontend.runtime_graph import runtime_graph

        try:
            return GroupsFile(where=where, graph=runtime_graph(path))
        except ModelError as error:
            found = error.diagnostics[0]
            if found.code != "M102":
                raise
            message = f"expected JSON with groups, or a model that ONNX Runtime optimized: {found.message}"
            raise UsageError.at(where, message, _SHORTEST, code="U401") from error
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError.at(where, f"it is no JSON: {error}", _SHORTEST, code="U401") from error
    return _Reader(where).file(document)


class _Reader:
    """Takes a document apart and notes every fault."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.faults: list[Diagnostic] = []

    def file(self, document: Any) -> GroupsFile:
        plans: list[FilePlan] = []
        if not isinstance(document, dict):
            self.fault("", 'expected an object with "groups" or "plans"', document)
        elif "plans" in document:
            if document.get("schema_version") != PLAN_VERSION or document.get("kind", PLAN_KIND) != PLAN_KIND:
                version = (document.get("kind"), document.get("schema_version"))
                self.fault("", f'expected kind "{PLAN_KIND}" of schema_version "{PLAN_VERSION}"', version)
            entries = document["plans"]
            if not isinstance(entries, list) or not entries:
                self.fault("plans", "expected a list of plans, one at least", entries)
                entries = []
            plans = [self.plan(f"plans[{number}]", entry) for number, entry in enumerate(entries)]
        elif "groups" in document:
            plans = [FilePlan(groups=self.groups("groups", document["groups"]))]
        else:
            self.fault("", 'expected "groups" or "plans" in it', ", ".join(map(str, document)))
        if self.faults:
            raise UsageError(*self.faults)
        return GroupsFile(where=self.where, plans=tuple(plans))

    def plan(self, place: str, entry: Any) -> FilePlan:
        if not isinstance(entry, dict):
            self.fault(place, "expected an object", entry)
            entry = {"groups": []}
        return FilePlan(
            model=self.text(place, entry, "model"), fingerprint=self.text(place, entry, "fingerprint"),
            target=self.text(place, entry, "target"), fusion=self.text(place, entry, "fusion"),
            is_best=entry.get("is_best") is not False, groups=self.groups(f"{place}.groups", entry.get("groups")),
        )  # fmt: skip

    def text(self, place: str, entry: Mapping[str, Any], key: str) -> str | None:
        value = entry.get(key)
        if value is not None and not isinstance(value, str):
            self.fault(f"{place}.{key}", "expected a text", value)
            return None
        return value

    def groups(self, place: str, entries: Any) -> tuple[GivenGroup, ...]:
        from onnxroof.mapping.given import GivenGroup

        if not isinstance(entries, list):
            self.fault(place, "expected a list of groups", entries)
            return ()
        found = []
        for number, entry in enumerate(entries):
            here = f"{place}[{number}]"
            nodes, name, order = entry, None, None
            if isinstance(entry, dict):
                nodes, name, order = entry.get("nodes"), self.text(here, entry, "name"), entry.get("order")
            if not isinstance(nodes, list) or not all(isinstance(node, str) for node in nodes):
                self.fault(here, 'expected a list of names of nodes, or an object with "nodes"', nodes)
                continue
            if order is not None and (not isinstance(order, int) or isinstance(order, bool)):
                self.fault(f"{here}.order", "expected an integer", order)
                order = None
            found.append(GivenGroup(name=name or here, nodes=tuple(nodes), order=order))
        return tuple(found)

    def fault(self, place: str, expected: str, value: Any) -> None:
        text = json.dumps(value, default=str)
        shown = text if len(text) <= 80 else f"{text[:77]}..."
        where = f"{self.where}: {place}" if place else self.where
        self.faults.append(Diagnostic(where=where, message=f"{expected}, found {shown}", hint=_SHORTEST, code="U401"))
