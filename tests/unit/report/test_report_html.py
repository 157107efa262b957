"""The page: offline, under a strict policy, every name escaped, the same bytes each time, the numbers of the JSON."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from oracles import tiny
from oracles.sample_analysis import HOSTILE_NAMES, analysis, model

from onnxroof.errors import UsageError
from onnxroof.report.embedded import MOST_KINDS
from onnxroof.report.html import summary_fragment, to_html
from onnxroof.report.json import to_json
from onnxroof.study.analyze import run_study
from onnxroof.study.result import Analysis


class Reader(HTMLParser):
    """Collects elements with their attributes, and the text of style and script elements."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.raw: list[tuple[str, dict[str, str | None], str]] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag in ("style", "script"):
            self.raw.append((tag, dict(attrs), ""))

    handle_startendtag = handle_starttag

    def handle_data(self, data):
        if self.cdata_elem:
            tag, attrs, text = self.raw[-1]
            self.raw[-1] = (tag, attrs, text + data)
        else:
            self.text.append(data)


@pytest.fixture(scope="module")
def page() -> str:
    return to_html(analysis(), generated="2025-11-20")


@pytest.fixture(scope="module")
def read(page) -> Reader:
    return Reader(page)


def embedded(read: Reader) -> dict:
    (text,) = [text for tag, attrs, text in read.raw if attrs.get("type") == "application/json"]
    return json.loads(text)


def assert_within(part, whole, path="$"):
    """Every figure of `part` is in `whole` and equal; lists of groups are matched by id."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key not in ("groups_total", "alike"):
                assert_within(value, whole[key], f"{path}.{key}")
    elif isinstance(part, list) and part and isinstance(part[0], dict) and "id" in part[0]:
        by_id = {item["id"]: item for item in whole}
        for item in part:
            assert_within(item, by_id[item["id"]], f"{path}[{item['id']}]")
    elif isinstance(part, list):
        assert len(part) == len(whole), path
        for index, (item, other) in enumerate(zip(part, whole, strict=True)):
            assert_within(item, other, f"{path}[{index}]")
    else:
        assert part == whole, path


def test_the_embedded_numbers_are_those_of_the_json(read):
    data = embedded(read)
    assert_within(data, json.loads(to_json(analysis())))
    best = data["models"][0]["targets"][0]["plans"][1]
    assert sum(group["alike"] for group in best["groups"]) == best["groups_total"] == 30


def test_the_ceiling_of_a_group_is_its_peak_lowered_by_the_array_that_it_fills(read):
    target = embedded(read)["models"][0]["targets"][0]
    (plan,) = [plan for plan in target["plans"] if plan["fusion"] == target["best_plan"]]
    assert plan["groups"]
    for group in plan["groups"]:
        if not group["macs"]:
            assert group["ceiling_ops_per_s"] is None
            continue
        assert group["ceiling_ops_per_s"] == pytest.approx(group["peak_ops_per_s"] * group["spatial_utilization"])
        # Beside its MACs a group of the sample has some vector work, which its peak counts in.
        ratio = group["ops"] / (2 * group["macs"])
        assert group["peak_ops_per_s"] == pytest.approx(target["peak_ops_per_s"] * ratio)


def test_no_dot_lies_above_its_ceiling_or_a_slope(read):
    for target in embedded(read)["models"][0]["targets"]:
        slopes = {
            level["name"]: level["bandwidth_bytes_per_s"] * level["instances"]
            for level in target["levels"]
            if level["bandwidth_bytes_per_s"]
        }
        (plan,) = [plan for plan in target["plans"] if plan["fusion"] == target["best_plan"]]
        for group in plan["groups"]:
            if not group["ops"] or not group["latency_s"]:
                continue
            height = group["ops"] / group["latency_s"] * (1 - 1e-9)
            if group["ceiling_ops_per_s"] is not None:
                assert height <= group["ceiling_ops_per_s"]
            for name, bandwidth in slopes.items():
                assert height <= bandwidth * group["intensity_ops_per_byte"][name]


def test_the_policy_allows_the_one_style_and_the_one_script(read):
    (policy,) = [
        attrs["content"] for tag, attrs in read.elements if attrs.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'; ")
    for tag in ("style", "script"):
        (text,) = [text for name, attrs, text in read.raw if name == tag and "type" not in attrs]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_nothing_is_inline_or_remote(read):
    for tag, attrs in read.elements:
        assert "style" not in attrs, tag
        assert not [name for name in attrs if name.startswith("on")], tag
        for name in ("src", "href", "xlink:href", "action", "data", "poster", "srcset"):
            assert (attrs.get(name) or "#").startswith("#"), (tag, name)
        assert tag not in ("link", "iframe", "object", "embed", "base", "form", "img")


def test_no_name_becomes_markup(page, read):
    assert len([tag for tag, _ in read.elements if tag == "script"]) == 2
    assert not [tag for tag, _ in read.elements if tag in ("b", "i") and tag == "i"]
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "\x1b" not in page
    assert "\u202e" not in page
    shown = "".join(read.text)
    for name in HOSTILE_NAMES[:2]:
        assert name in shown


@pytest.mark.parametrize("name", [*HOSTILE_NAMES, "</script><script>alert(3)</script>", "{{ 7 * 7 }}", "]]>", "<!--"])
def test_any_name_is_safe_anywhere(name):
    first = model(2)
    nodes = tuple(replace(node, name=name, op_type=name, domain=name, scope=name) for node in first.nodes)
    groups = tuple(replace(group, nodes=(name,), op_types=(name,)) for group in first.targets[0].best.groups)
    plan = replace(first.targets[0].best, groups=groups, fusion=name)
    target = replace(first.targets[0], plans=(plan,), best_plan=name, unknown=(name,), estimated=(name,))
    hostile = replace(first, name=name, producer=name, notes=(name,), nodes=nodes, targets=(target,), opsets={name: 1})
    reader = Reader(to_html(Analysis(models=(hostile,), command=name), generated=name))
    assert len([tag for tag, _ in reader.elements if tag == "script"]) == 2
    assert not [tag for tag, _ in reader.elements if tag == "img"]
    assert not [attrs for _, attrs in reader.elements for key in attrs if key.startswith("on") or key == "style"]
    assert embedded(reader)["models"][0]["name"] == name
    assert "49" not in "".join(reader.text) or "7 * 7" not in name


def test_the_same_analysis_gives_the_same_bytes(page):
    assert to_html(analysis(), generated="2025-11-20") == page
    assert "2025-11-20 ·" not in to_html(analysis())


def test_everything_that_matters_is_on_the_page(read):
    text = " ".join("".join(read.text).split())
    for words in (
        "no plan can beat",
        "Coverage 97 %",
        "batch = 1",
        "Operators of unknown cost",
        "Targets side by side",
        "Slowest groups, alike ones together",
        "What holds it back",
        "Energy of an operation, by contribution",
        "Before and after",
        "Time, by what binds each group",
        "Energy, by where it is spent",
        "Not fused, and why",
        "Unknown of this target, and what follows",
        "Resting on estimates",
        "Example NPU data sheet",
        "1 MAC = 2 ops",
        "Verhelst, Benini and Verma",
        "How to reproduce it",
        "onnxroof analyze",
        "a bound, not a prediction",
        "broken.onnx has no answer",
    ):
        assert words in text, words


def test_each_target_has_its_rooflines(read):
    charts = [attrs for tag, attrs in read.elements if tag == "svg" and attrs.get("class") == "rooflines"]
    assert [chart["aria-label"] for chart in charts] == [
        "Throughput and energy roofline of Example NPU, 16 GB",
        "Throughput and energy roofline of Board <b>bold</b> & co",
    ]


def test_every_fragment_link_leads_somewhere(read):
    ids = {attrs["id"] for _, attrs in read.elements if "id" in attrs}
    assert len(ids) == len([1 for _, attrs in read.elements if "id" in attrs])
    assert {attrs["href"] for tag, attrs in read.elements if tag == "a"} <= {f"#{name}" for name in ids}


def test_a_large_plan_is_cut_in_tables_and_data():
    whole = analysis(groups=MOST_KINDS + 200, with_failure=False)
    first = whole.models[0]
    npu = first.targets[0]
    distinct = tuple(replace(group, ops=group.ops + i) for i, group in enumerate(npu.best.groups))
    plans = tuple(replace(plan, groups=distinct) for plan in npu.plans)
    cut = replace(first, targets=(replace(npu, plans=plans), *first.targets[1:]))
    reader = Reader(to_html(replace(whole, models=(cut,))))
    plan = embedded(reader)["models"][0]["targets"][0]["plans"][1]
    assert (len(plan["groups"]), plan["groups_total"]) == (MOST_KINDS, MOST_KINDS + 200)
    latencies = [group["latency_s"] for group in plan["groups"]]
    assert latencies == sorted(latencies, reverse=True)
    assert len([1 for tag, _ in reader.elements if tag == "tr"]) < 420


def test_count_is_a_page_too():
    text = " ".join("".join(Reader(to_html(analysis(with_targets=False))).text).split())
    assert "Every node, alone and for one trip" in text
    assert "Targets side by side" not in text


def test_an_analysis_of_nothing_is_a_page():
    assert "How it is counted" in to_html(Analysis(models=()))


def test_a_folder_of_templates_replaces_ours(tmp_path):
    (tmp_path / "report.css").write_text("body { color: red }\n")
    (tmp_path / "_conventions.html.j2").write_text("<p>Our house: {{ page.tool }}</p>")
    own = to_html(analysis(2), templates=tmp_path)
    assert "<style>body { color: red }\n</style>" in own
    assert "Our house: onnxroof" in own
    assert "How it is counted" in own  # the link of the untouched template


@pytest.mark.parametrize("text", ["{{ nothing }}", "{% if %}"])
def test_a_fault_in_a_template_is_an_error_of_usage(tmp_path, text):
    (tmp_path / "_conventions.html.j2").write_text(text)
    with pytest.raises(UsageError, match="template"):
        to_html(analysis(2), templates=tmp_path)


def test_a_folder_of_templates_must_be_there(tmp_path):
    with pytest.raises(UsageError, match="no such folder"):
        to_html(analysis(2), templates=tmp_path / "missing")


def test_the_fragment_for_a_notebook_is_escaped_and_bare():
    fragment = summary_fragment(analysis())
    reader = Reader(fragment)
    assert {tag for tag, _ in reader.elements} <= {
        "div",
        "p",
        "b",
        "ul",
        "li",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    }
    assert "Example NPU, 16 GB" in fragment
    assert "no plan can beat" in fragment


def test_a_table_without_rows_is_its_note_alone() -> None:
    # One engine without an array and one port, no launches: the group is on its roof, and nothing keeps it below.
    text = "g (float[64,64] x) => (float[64,64] y) <float[64,64] v> { y = MatMul(x, v) }"
    engine = tiny.engine("all", "mac vector special", {"FLOAT": "1 GFLOP/s"})
    chip = tiny.target(engine, tiny.level("dram", "1 GB", "100 GB/s"))
    page = to_html(run_study([tiny.workload(text)], [chip]))
    assert "What keeps it below its roofs" in page
    assert "Nothing is lost to" in page
    assert re.search(r"<tbody>\s*</tbody>", page) is None


@pytest.mark.parametrize(
    "text",
    [
        "g (float[3,4] x) => (float[3,4] y) { y = Identity(x) }",
        "g (float[] x) => (float[] y) { y = Relu(x) }",
        "g (float[N,4] x) => (float[N,4] y) { y = Relu(x) }",
    ],
    ids=["a view", "no shape known", "nothing in it"],
)
def test_a_model_of_which_no_byte_is_known_to_cross_has_a_page_without_a_curve(text):
    engine = tiny.engine("all", "mac vector special", {"FLOAT": "1 GFLOP/s"})
    chip = tiny.target(engine, tiny.level("dram", "1 GB", "100 GB/s"), tiny.level("sram", "1 MB", "1 TB/s"))
    page = to_html(run_study([tiny.workload(text, **({"N": 0} if "N" in text else {}))], [chip]))
    assert "so there is no curve" in page
    assert 'class="capacity"' not in page
    assert "Activations alive at once" in page
