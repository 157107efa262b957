"""The counting rules behind every figure, in words: the same in the JSON and on the page."""

from __future__ import annotations

from types import MappingProxyType

__all__ = ["CONVENTIONS", "CONVENTION_TITLES", "EXTENSIONS", "LEAST_TIME", "PROVENANCE"]

LEAST_TIME = "the least time of this plan, its groups one after the other (a bound, not a prediction)"

CONVENTIONS = MappingProxyType(
    {
        "mac": "1 MAC = 2 ops (one multiplication and one addition), as accelerators are rated",
        "ops": "ops = 2 x macs + vector_ops + special_ops; a vector op is one arithmetic, comparison, conversion or "
        "selection result; a special op is one EXP, DIV, ERF ... and takes the lanes that the target says",
        "bytes": "bytes of a node = the distinct elements that it must read or write, each once, in their storage "
        "type: of a table the rows that are gathered, of a slice what it selects; types below a byte are packed",
        "partial_sums": "a partial sum that leaves a level before it is finished counts as one write and one read",
        "traffic": "traffic of a level = bytes that it exchanges with the level inside it, summed over instances",
        "intensity": "operational intensity at a level = ops / traffic of that level, in ops/byte; in ops/word it is "
        "that times the bytes of an element",
        "units": "SI base units: s, J, B, ops/s, ops/J; kB = 1000 B",
        "precision": "as-is: the types of the file; any other policy re-reads the model as if it had been exported so: "
        "bytes, scales of blocks and compute types follow, and the notes say what takes which type",
        "state": "cold: inputs, outputs and weights start or end in the outermost level, each needed weight crosses "
        "at least once; steady: weights that fit on chip stay there between runs",
        "time": "time of a group = the longest of its compute times (operations / (peak x spatial utilization), kinds "
        "of work on one engine added up) and of its levels' times (traffic / bandwidth), plus levels that do not "
        "overlap with compute, plus launch overhead",
        "energy": "energy of a group = operations x J/op + bytes at each level x J/B + static power x time",
        "utilization": "utilization = spatial x temporal: the part of the array that a group fills, and the part of "
        "its time in which that computes; ceiling_ops_per_s = peak_ops_per_s x spatial_utilization "
        "where the engine of the MACs runs nothing else",
        "latency": "latency_s of a plan is "
        + LEAST_TIME
        + "; launch overhead included where it is known; it holds for "
        "the engines and for what stays on chip as the plan has them: fetching the next group's weights ahead, or "
        "another choice of these, may beat a plan, never the floor",
        "floor": "floor_latency_s and floor_energy_j are what no plan can beat: full utilization, compulsory bytes, "
        "no launch overhead, the least work where data or a causal mask decide how much there is",
        "unknown": "null is unknown, never zero, and a sum with an unknown part is unknown; what a target does not "
        "know takes no time, so that the bound stays a bound",
    }
)

CONVENTION_TITLES = MappingProxyType(
    {
        "mac": "Multiply-accumulate",
        "ops": "Operations",
        "bytes": "Bytes of a node",
        "partial_sums": "Partial sums",
        "traffic": "Traffic",
        "intensity": "Operational intensity",
        "units": "Units",
        "precision": "Precision",
        "state": "State",
        "time": "Time",
        "energy": "Energy",
        "utilization": "Utilization",
        "latency": "Latency",
        "floor": "Floor",
        "unknown": "Unknown",
    }
)

PROVENANCE = (
    "onnxroof implements the dual (throughput and energy) roofline introduced by Verhelst, Benini and Verma "
    "(IEEE JSSC 60(6), 2025), with our own extensions: "
)

EXTENSIONS = (
    "compulsory floors",
    "reuse curves from loop nests",
    "fusion groups",
    "launch overhead and static power",
    "dots for each memory level",
)
