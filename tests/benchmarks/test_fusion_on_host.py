"""Ten models in ONNX Runtime on this machine, its graph optimizations off and on: predicted saving beside measured.

The target is made from this machine in the same run, and says so in its file: one core, the rate of a large matrix
product, the bandwidths of copies far beyond and well inside the last cache, the time of a node that does nothing. The
prediction evaluates the groups that the runtime itself made (`--groups` with its optimized model) against no fusion.

What the two may differ by (not taken apart by measurement): the level `all` also changes the layout of convolutions,
which makes their kernels faster and is no fusion; kernels of depthwise convolutions and of functions run far below the
peak, so that what fusing them saves is more than a bound knows; decoders gain by more than groups (folding, prepacked
products), which is not predicted; a few percent are noise of a machine that does other things.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnx.helper
import onnxruntime
import pytest

from onnxroof.frontend.runnable import runnable
from onnxroof.measure.child import _values
from onnxroof.study.analyze import run_study
from onnxroof.study.load import load
from onnxroof.study.result import ModelResult
from onnxroof.targets.model import Target
from onnxroof.targets.read import read_target
from tests.oracles.optimized import optimized, runnable_model

MODELS = Path(__file__).resolve().parents[2] / "models"
NAMES = (
    "resnet50", "mobilenet_v2", "mobilenet_v3_large", "efficientnet_b0", "vit_b_16", "bert_base", "bert_base_fused",
    "gpt2", "whisper_base_decoder", "ssdlite320",
)  # fmt: skip
CACHE = Path("/sys/devices/system/cpu/cpu0/cache")
LEVELS = onnxruntime.GraphOptimizationLevel
OFF = LEVELS.ORT_DISABLE_ALL
ON = {"extended": LEVELS.ORT_ENABLE_EXTENDED, "all": LEVELS.ORT_ENABLE_ALL}
ROUNDS = 5


def least_s(work: Callable[[], object], times: int = 5) -> float:
    """The least time of several runs: what else the machine does only adds."""
    found = []
    for _ in range(times):
        begin = time.perf_counter()
        work()
        found.append(time.perf_counter() - begin)
    return min(found)


def session(model: bytes, level: onnxruntime.GraphOptimizationLevel) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _node_s() -> float:
    """Time of a node that does nothing worth a word: a chain of 400 on one element."""
    nodes = [onnx.helper.make_node("Neg", [f"t{n}"], [f"t{n + 1}"]) for n in range(400)]
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in ("t0", "t400")]
    graph = onnx.helper.make_graph(nodes, "chain", ends[:1], ends[1:])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10)
    run = session(model.SerializeToString(), OFF)
    feed = {"t0": np.ones(1, np.float32)}
    return least_s(lambda: run.run(None, feed), 20) / 400


def _rate() -> float:
    n = 512
    shape = onnx.helper.make_tensor_value_info("a", onnx.TensorProto.FLOAT, [n, n])
    out = onnx.helper.make_tensor_value_info("c", onnx.TensorProto.FLOAT, [n, n])
    graph = onnx.helper.make_graph([onnx.helper.make_node("MatMul", ["a", "a"], ["c"])], "g", [shape], [out])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10)
    run = session(model.SerializeToString(), OFF)
    feed = {"a": np.ones((n, n), np.float32)}
    return 2 * n**3 / least_s(lambda: run.run(None, feed), 100)


def _bandwidth(count: int) -> float:
    source = np.ones(count // 8, np.float32)
    target = np.empty_like(source)
    times = max(1, 2**26 // count)

    def copies() -> None:
        for _ in range(times):
            np.copyto(target, source)

    return 2 * source.nbytes * times / least_s(copies)


def host(folder: Path) -> Target:
    """A target file of this machine, its numbers measured now."""
    sizes = [(folder_ / "size").read_text().strip() for folder_ in sorted(CACHE.glob("index[23]"))]
    bytes_ = [int(size[:-1]) * (1024 if size.endswith("K") else 2**20) for size in sizes] or [2**20]
    # The last cache is shared with other machines on the same processor: what one core can count on is its own.
    cache = bytes_[0]
    text = f"""schema = 1
id = "host"
name = "One core of this machine"
class = "CPU"
[sources.now]
title = "measured by this benchmark on this machine: one core"
kind = "measured"
[chip]
launch_overhead = {{ value = {_node_s():.4g}, unit = "s", source = "now" }}
[[engine]]
name = "core"
runs = ["mac", "vector", "special"]
[[engine.peak]]
input = "FLOAT"
accumulate = "FLOAT"
rate = {{ value = {_rate():.4g}, unit = "FLOP/s", source = "now" }}
[[memory]]
level = "dram"
bandwidth = {{ value = {_bandwidth(2**29):.4g}, unit = "B/s", source = "now" }}
[[memory]]
level = "cache"
capacity = {{ value = {cache}, unit = "B", source = "now" }}
bandwidth = {{ value = {_bandwidth(cache):.4g}, unit = "B/s", source = "now" }}
"""
    path = folder / "host.toml"
    path.write_text(text)
    print(f"\n{text}")
    return read_target(path)


def rank_correlation(one: list[float], other: list[float]) -> float:
    ranks = [np.argsort(np.argsort(values)) for values in (one, other)]
    return float(np.corrcoef(*ranks)[0, 1])


@pytest.mark.benchmark
def test_predicted_saving_beside_measured_saving(tmp_path: Path) -> None:
    where = host(tmp_path)
    predicted: dict[str, list[float]] = {level: [] for level in ON}
    measured: dict[str, list[float]] = {level: [] for level in ON}
    for name in NAMES:
        path = MODELS / f"{name}.onnx"
        workload = load(path)
        model = runnable_model(path, workload)
        generator = np.random.default_rng(5)
        feeds = {key: _values(feed, generator) for key, feed in runnable(path, workload).feeds.items()}
        runs = {level: session(model, option) for level, option in {"off": OFF, **ON}.items()}
        times = dict.fromkeys(runs, float("inf"))
        for _ in range(ROUNDS):  # in turn, so that what else the machine does meets all alike
            for level, run in runs.items():
                wanted = {value.name for value in run.get_inputs()}
                given = {key: value for key, value in feeds.items() if key in wanted}
                begin = time.perf_counter()
                run.run(None, given)
                times[level] = min(times[level], time.perf_counter() - begin)
        runs.clear()
        print(f"{name:22} off {times['off'] * 1e3:8.1f} ms")
        for level in ON:
            file = optimized(model, tmp_path / f"{name}.onnx", is_blocked=level == "all")
            (entry,) = run_study([path], [where], groups=file, fusion="none").models
            assert isinstance(entry, ModelResult), entry
            none, theirs = (entry.targets[0].plan(fusion) for fusion in ("none", "given"))
            assert none.latency_s is not None
            assert theirs.latency_s is not None
            assert len(theirs.groups) <= len(none.groups)
            predicted[level].append(1 - theirs.latency_s / none.latency_s)
            measured[level].append(1 - times[level] / times["off"])
            print(
                f"    {level:9} {times[level] * 1e3:8.1f} ms, saved {measured[level][-1]:6.1%}; least "
                f"{none.latency_s * 1e3:7.1f} -> {theirs.latency_s * 1e3:7.1f} ms, saved {predicted[level][-1]:6.1%}; "
                f"{len(none.groups)} -> {len(theirs.groups)} groups"
            )
    for level in ON:
        print(f"rank correlation of the savings, {level}: {rank_correlation(predicted[level], measured[level]):.2f}")
