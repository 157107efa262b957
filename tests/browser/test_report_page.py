"""The page in a real browser: from disk, under its own policy, with scripts and without, wide and narrow."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from oracles.sample_analysis import analysis, npu_result

from onnxroof.report.figures.roofline import MOST_CIRCLES
from onnxroof.report.html import to_html
from onnxroof.report.kinds import slowest_kinds
from onnxroof.report.numbers import intensity, percent, quantity
from onnxroof.study.result import Analysis

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    from playwright.sync_api import sync_playwright  # here, so that collecting needs no `browser` extra

    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(to_html(analysis()), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def open_page(browser):
    """Opens an address; whatever the console says or the page throws fails the test."""
    contexts, faults, requests = [], [], []

    def opened(address: str, **options: object) -> "Page":
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults == []
    assert [url for url in requests if not url.startswith("file:")] == []


def column(page: "Page", table: str, index: int, attribute: str = "") -> list[str]:
    rows = page.locator(f"{table} tbody tr")
    cells = [rows.nth(i).locator("th, td").nth(index) for i in range(rows.count())]
    return [cell.get_attribute(attribute) or "" if attribute else cell.inner_text() for cell in cells]


def test_it_opens_from_disk_without_a_word(open_page, address):
    page = open_page(address)
    assert page.locator("h1").first.inner_text().startswith("Taken as FLOAT where a target lacks")
    assert page.locator("html.scripted").count() == 1


def test_without_scripts_everything_is_there(open_page, address):
    page = open_page(address, java_script_enabled=False)
    assert page.locator(".rooflines:visible").count() == 2
    assert page.locator("table:visible").count() >= 12
    assert page.locator(".target:visible").count() == 2
    assert page.locator(".dots.s0 circle title").count() > 0
    assert page.locator("button").count() == 0


def test_one_target_is_shown_at_a_time(open_page, address):
    page = open_page(address)
    assert page.locator(".target:visible").count() == 1
    page.locator(".tabs a").nth(1).click()
    assert page.locator(".target:visible h2").first.inner_text() == "Board <b>bold</b> & co"
    page.emulate_media(media="print")
    assert page.locator(".target:visible").count() == 2


def test_a_link_to_a_target_shows_it(open_page, address):
    page = open_page(f"{address}#m0t1")
    assert page.locator("#m0t1").is_visible()
    assert not page.locator("#m0t0").is_visible()


def test_columns_sort_by_number_and_by_word(open_page, address):
    page = open_page(address)
    table = "#m0t0 table:has(tr[data-g])"
    energy = page.locator(f"{table} thead button").nth(8)
    energy.click()
    keys = [float(key) for key in column(page, table, 8, "data-sort")]
    assert keys == sorted(keys, reverse=True)
    energy.click()
    assert [float(key) for key in column(page, table, 8, "data-sort")] == sorted(keys)
    assert page.locator(f"{table} th[aria-sort]").count() == 1
    page.locator(f"{table} thead button").nth(1).click()
    words = column(page, table, 1)
    assert words == sorted(words, key=str.lower)
    page.locator(f"{table} thead button").nth(9).click()
    assert page.locator(f"{table} th[aria-sort]").count() == 1


def test_unknown_sorts_last_both_ways(open_page, address):
    page = open_page(address)
    page.locator("details summary").first.click()
    table = "details table"
    macs = page.locator(f"{table} thead button").nth(4)
    for _ in range(2):
        macs.click()
        assert column(page, table, 4)[-1] == "unknown"


def test_more_groups_are_shown_on_demand(open_page, address):
    page = open_page(address)
    rows = page.locator("#m0t0 tr[data-g]")
    assert rows.count() == 30
    assert page.locator("#m0t0 tr[data-g]:visible").count() == 12
    page.emulate_media(media="print")
    assert page.locator("#m0t0 tr[data-g]:visible").count() == 30
    page.emulate_media(media="screen")
    page.locator("#m0t0 .more").click()
    assert page.locator("#m0t0 tr[data-g]:visible").count() == 30
    assert page.locator("#m0t0 .more").count() == 0


def test_numbers_of_every_size_are_written_alike(open_page, tmp_path):
    # ties that round to the even neighbour, borders of prefixes, the ends of the scale
    values = (1.125e-3, 1.135e-3, 9.995e-7, 0.9996, 1.0, 123.5, 2.5e-19, 4e5, 1004.5, 1.0e-9)
    result = npu_result(len(values))
    intensities = (1e-3, 0.5, 1.005, 12.345, 99.95, 999.5, 1004.5, 9994.0, 9996.0, 1.5e6)
    groups = tuple(
        replace(
            group,
            latency_s=1000.0 - i,
            energy_j=values[i],
            intensity_ops_per_byte={"dram": intensities[i]},
            spatial_utilization=1.0,
            temporal_utilization=(i + 1) / len(values) / 1.001,
        )
        for i, group in enumerate(result.best.groups)
    )
    total = sum(1000.0 - i for i in range(len(values)))
    plan = replace(result.best, groups=groups, latency_s=total)
    path = tmp_path / "numbers.html"
    entry = replace(analysis().models[0], targets=(replace(result, plans=(plan,)),))
    path.write_text(to_html(Analysis(models=(entry,))), encoding="utf-8")
    page = open_page(path.as_uri())
    page.locator(".rooflines").focus()
    for i, group in enumerate(group for group in groups if group.ops):
        page.keyboard.press("ArrowRight")
        told = dict(
            zip(
                page.locator("#tip dt:not(.lead)").all_inner_texts(),
                page.locator("#tip dd").all_inner_texts(),
                strict=True,
            )
        )
        assert told["Energy"] == quantity(group.energy_j, "J"), i
        assert told["Least time"] == quantity(group.latency_s, "s")
        assert told["Share of the time"] == percent(group.latency_s / total)
        assert told["dram"] == intensity(group.intensity_ops_per_byte["dram"])
        assert told["spatial × temporal"] == f"100 % × {percent(group.temporal_utilization)}"


def test_a_dot_that_is_pointed_at_shows_its_ceiling(open_page, address):
    page = open_page(address)
    own = page.locator("#m0t0 .throughput .ceiling.own")
    display = "element => getComputedStyle(element).display"  # a level line has no height, which looks invisible
    assert own.evaluate(display) == "none"
    page.locator("#m0t0 .throughput .dots.s0 circle[data-g='0']").hover(force=True)
    assert own.evaluate(display) != "none"
    low, high, bottom, top = map(float, page.locator("#m0t0 .throughput").get_attribute("data-y").split())
    group = slowest_kinds(npu_result(30).best.groups)[0].first
    # the sample's array is filled to 75 %: its ceiling is what it attains in its compute time alone
    height = group.ops / group.time_terms_s["compute:matrix"]
    expected = bottom + (top - bottom) * math.log(height / low) / math.log(high / low)
    moved = own.get_attribute("transform")
    assert float(moved.removeprefix("translate(0 ").removesuffix(")")) == pytest.approx(expected, abs=0.01)
    assert "ceiling so filled" in page.locator("#tip").inner_text()
    page.mouse.move(2, 2)
    assert own.evaluate(display) == "none"


def test_the_tradeoff_leads_to_its_targets(open_page, tmp_path):
    result = npu_result(4)
    targets = tuple(
        replace(
            result,
            target=replace(result.target, id=f"t{i}", name=f"Target {i}"),
            plans=tuple(replace(plan, latency_s=1e-3 * (i + 1), energy_j=1e-3 / (i + 1)) for plan in result.plans),
        )
        for i in range(3)
    )
    path = tmp_path / "three.html"
    path.write_text(to_html(Analysis(models=(replace(analysis().models[0], targets=targets),))), encoding="utf-8")
    page = open_page(path.as_uri(), java_script_enabled=False)
    assert page.locator(".tradeoff .point.best").count() == 3
    page = open_page(path.as_uri())
    page.locator(".tradeoff a").nth(2).click()
    assert page.locator(".target:visible h2").first.inner_text() == "Target 2"


def test_a_dot_tells_its_terms_and_finds_its_row(open_page, address):
    page = open_page(address)
    tip = page.locator("#tip")
    assert tip.is_hidden()
    page.locator("#m0t0 .throughput .dots.s0 circle[data-g='0']").hover(force=True)
    text = tip.inner_text()
    for words in ("Bound by", "Time if each acted alone", "dram bandwidth", "Energy", "spatial × temporal"):
        assert words in text
    assert page.locator("#m0t0 tr.hit").count() == 1
    page.mouse.move(2, 2)
    assert tip.is_hidden()


def test_dots_are_reached_by_keys(open_page, address):
    page = open_page(address)
    page.locator("#m0t0 .rooflines").focus()
    page.keyboard.press("ArrowRight")
    first = page.locator("#tip b").inner_text()
    page.keyboard.press("ArrowRight")
    assert page.locator("#tip b").inner_text() != first
    page.keyboard.press("Escape")
    assert page.locator("#tip").is_hidden()


def test_a_level_is_chosen(open_page, address):
    page = open_page(address)
    sram = page.locator("#m0t0 .levels button").nth(1)
    sram.click()
    assert sram.get_attribute("aria-pressed") == "true"
    assert "unselected" not in (page.locator("#m0t0 .throughput .dots.s1").get_attribute("class") or "")
    assert "unselected" in (page.locator("#m0t0 .throughput .dots.s0").get_attribute("class") or "")
    assert page.locator("#m0t0 .regimes.s1").is_visible()
    assert not page.locator("#m0t0 .regimes.s0").is_visible()


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_the_page_never_scrolls_sideways(open_page, address, width, scripts):
    page = open_page(address, viewport={"width": width, "height": 740}, java_script_enabled=scripts)
    page.mouse.wheel(500, 0)
    box = page.locator("main").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    if scripts:
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_it_is_dark_where_the_reader_is_and_light_in_print(open_page, address):
    page = open_page(address, color_scheme="dark")
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(background)
    assert sum(int(part) for part in dark[4:-1].split(",")) < 150
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate(background) == "rgb(255, 255, 255)"


def test_thousands_of_groups_stay_quick(open_page, tmp_path):
    result = npu_result(10_000)
    groups = tuple(
        replace(
            group,
            intensity_ops_per_byte={level: x * (1 + i / 1000) for level, x in group.intensity_ops_per_byte.items()},
        )
        for i, group in enumerate(result.best.groups)
    )
    entry = replace(analysis().models[0], targets=(replace(result, plans=(replace(result.best, groups=groups),)),))
    path = tmp_path / "large.html"
    path.write_text(to_html(Analysis(models=(entry,))), encoding="utf-8")
    page = open_page(path.as_uri())
    assert page.locator(".dots.s0 path.many").count() > 0
    assert page.evaluate("document.querySelectorAll('*').length") < 20 * MOST_CIRCLES
    # generous beside the 0.2 s that it takes, so that a busy machine does not fail it
    assert page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd") < 5000
    page.locator(".rooflines").hover()
    page.locator(".rooflines").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#tip").is_visible()
