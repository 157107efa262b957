"""How it is said what runs on the host and what crosses the link."""

from __future__ import annotations

from dataclasses import replace

import pytest
from oracles.sample_analysis import GUESS, SHEET, model, npu_result

from onnxroof.mapping.offload import Fallback, Offload
from onnxroof.report.answer import answer
from onnxroof.report.offload import divided_words, fallback_words, offload_document, offload_lines
from onnxroof.report.offload_view import fallback_table, offload_facts
from onnxroof.roofline.result import TargetResult
from onnxroof.targets.model import Quantity, Support

WHOLE = Offload(
    is_known=True, fallbacks=(), node_count=10, segment_count=1, to_device_bytes=3_000_000, to_host_bytes=1_000
)
CUT = replace(
    WHOLE,
    fallbacks=(
        Fallback("Erf", "not among the operators of C", ("a", "b")),
        Fallback("TopK", "computes in FLOAT", ("c",)),
    ),
    segment_count=2,
)
LINK = Quantity(value=1e9, text="1 GB/s", source=SHEET)


def on(offload: Offload | None, *, link: Quantity | None = LINK) -> TargetResult:
    npu = npu_result(3)
    known = Support(compiler="C", operators=frozenset({"Conv"}), source=GUESS, unchecked="strides")
    support = known if offload is not None and offload.is_known else None
    return replace(npu, offload=offload, target=replace(npu.target, host_link=link, support=support))


def test_what_falls_back_is_named_with_its_cut() -> None:
    words = "3 of 10 nodes would run on the host (Erf and TopK), which leaves 2 parts on the device"
    assert fallback_words(on(CUT)) == words
    first, line = offload_lines([on(CUT)])
    assert "as if they ran on the device" in first
    # 3 MB at 1 GB/s one way, less the other way.
    assert line.strip() == f"Example NPU, 16 GB: {words}; 3 MB go to it and 1 kB come back, at least 3 ms over the link"
    assert fallback_words(on(WHOLE)) == fallback_words(on(None)) == ""


def test_what_is_not_known_is_said() -> None:
    unknown = on(replace(WHOLE, is_known=False))
    assert [*offload_lines([unknown, on(None)])] == ["which operators a target runs is not known of Example NPU, 16 GB"]
    runs, crossing = offload_facts(unknown)
    assert (runs.value, runs.mark) == ("unknown", "unknown")
    assert crossing.value == "3 MB in, 1 kB out"
    assert offload_document(unknown) == {
        "compiler": None, "source": None, "unchecked": None, "fallback": None, "segments": 1,
        "to_device_bytes": 3_000_000, "to_host_bytes": 1_000, "link_bytes_per_s": 1e9, "link_latency_s": 3e-3,
        "least_latency_s": None,
    }  # fmt: skip


def test_all_that_runs_is_said_to_be_documented() -> None:
    assert [*offload_lines([on(WHOLE)])] == ["all operators run on Example NPU, 16 GB, by what is documented"]
    runs, _ = offload_facts(on(WHOLE))
    assert (runs.value, runs.mark) == ("10 of 10 nodes", "")
    assert "not checked: strides" in runs.note
    assert "[estimate]" in runs.note, "the list itself may be a guess"


@pytest.mark.parametrize("offload", [CUT, replace(CUT, to_device_bytes=None)])
def test_a_link_or_a_shape_that_is_unknown_has_no_time(offload: Offload) -> None:
    result = on(offload, link=None if offload is CUT else LINK)
    document = offload_document(result)
    assert document is not None
    assert document["link_latency_s"] is None
    assert "at a bandwidth that is not known" in " ".join(offload_lines([result])) or offload is not CUT


def test_the_table_has_a_row_a_reason() -> None:
    table = fallback_table(on(CUT))
    assert table is not None
    assert [[cell.text for cell in row.cells[:3]] for row in table.rows] == [
        ["Erf", "not among the operators of C", "2"],
        ["TopK", "computes in FLOAT", "1"],
    ]
    assert fallback_table(on(WHOLE)) is None
    runs, _ = offload_facts(on(CUT))
    assert (runs.value, runs.mark) == ("7 of 10 nodes", "bad")


def test_the_answer_warns_of_a_winner_that_leaves_work_to_the_host() -> None:
    (sentence,) = [s for s in answer(replace(model(), targets=(on(CUT),)), "latency").sentences if "on the host" in s]
    assert sentence.endswith("; the figures take them as if they ran there.")


def test_what_a_divided_run_takes_at_least_is_said() -> None:
    cut = replace(on(CUT), divided_latency_s=4e-3)
    words = "; so divided a run takes at least 4 ms, and the host’s own work"
    assert divided_words(cut) == words
    assert words in " ".join(offload_lines([cut]))
    assert offload_facts(cut)[1].note.endswith(words)
    assert divided_words(replace(on(WHOLE), divided_latency_s=4e-3)) == divided_words(on(CUT)) == ""
