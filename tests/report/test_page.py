"""The page as readers see it: Chromium, offline, with and without JavaScript, dark, narrow and printed."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # ships no types
from playwright.sync_api import Browser

from loadtests.report import compare, write_report
from tests.report.pages import chromium, keyed, opened, pointed, summary, unkeyed_numbers
from tests.report.synthetic import Broken, Planted, Run, primary, replace, write

CONTEXTS: dict[str, dict[str, Any]] = {
    "wide": {"viewport": {"width": 1280, "height": 900}},
    "without JavaScript": {"java_script_enabled": False},
    "dark": {"color_scheme": "dark"},
    "narrow": {"viewport": {"width": 390, "height": 844}},
}
THREE_OF_A_KIND = """(() => {
    let removed = 0;
    for (const body of document.querySelectorAll("tbody")) {
        const seen = {};
        for (const row of [...body.rows]) {
            const parts = [...row.querySelectorAll("*")];
            const kind = parts.map((e) => e.tagName + e.getAttribute("class")).join();
            seen[kind] = (seen[kind] || 0) + 1;
            if (seen[kind] > 3) {
                row.remove();
                removed += 1;
            }
        }
    }
    return removed;
})()"""
"""Removes rows whose markup three rows before have, too: axe takes long for each, and judges no figures."""

BROKEN = (
    Broken("wsgi-sync", "download-small", "invalid", "truncated bodies: the third byte is missing", 2, 32),
    Broken("asgi-uvicorn", "download-small", "generator-limited", "the generator had no time left", 0, 128),
)


def full_run() -> Run:
    planted = []
    for scenario, service_s, size in (("download-small", 0.001, 1024), ("process-wait", 0.05, 200)):
        for server, slots, threads in (
            ("wsgi-sync", 1, 1),
            ("wsgi-gthread", 32, 32),
            ("asgi-uvicorn", None, 1),
        ):
            planted.append(
                Planted(server, scenario, service_s=service_s, slots=slots, threads=threads, size_bytes=size)
            )
    asked = (
        primary("asgi-uvicorn", "wsgi-gthread", "download-small", 32),
        primary("asgi-uvicorn", "wsgi-gthread", "process-wait", 128),
        primary("asgi-uvicorn", "wsgi-gthread", "process-wait", 128, "response_p99"),
    )
    plan = {
        "matched": "capacity-matched",
        "gates": [
            "p50_us < 1000 @ asgi-uvicorn/process-wait/128",
            "errors < 0.01 @ wsgi-sync/process-wait/8",
        ],
    }
    return Run(planted=planted, users=(1, 8, 32, 128), primaries=asked, broken=BROKEN, plan=plan, measure_s=2)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = write(tmp_path_factory.mktemp("runs"), full_run())
    write_report([directory], ["html", "json"])
    return directory


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.mark.parametrize("context", CONTEXTS.values(), ids=CONTEXTS)
def test_the_page_is_whole_in_every_context(browser: Browser, report: Path, context: dict[str, Any]) -> None:
    scripted = context.get("java_script_enabled", True)
    with opened(browser, report / "report.html", **context) as page:
        assert page.locator("h2").all_inner_texts()[0] == "The answer"
        assert page.locator("figure svg").count() >= 9
        assert page.locator(".answer").count() == 3
        assert page.locator("tbody tr").count() > 60
        if scripted:
            wide, shown = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
            assert wide <= shown


def test_every_number_is_the_summary_s(browser: Browser, report: Path) -> None:
    document = summary(report)
    with opened(browser, report / "report.html", java_script_enabled=True) as page:
        found = keyed(page)
        assert unkeyed_numbers(page) == []
    assert len(found) > 800
    for element in found:
        value = pointed(document, element["key"])
        if element["tag"] == "DATA":
            assert float(element["value"]) == value, element
            assert near(element["text"], value), (element, value)
        elif value is None:
            assert element["text"] == "–"  # noqa: RUF001  the dash that stands for no figure
        else:
            assert element["text"] == value, element


def near(text: str, value: float) -> bool:
    """Does the text, read back as a person would, give the value to the digits it shows?"""
    scales = {"": 1, "×": 1, "/s": 1, "µs": 1, "ms": 1000, "s": 1e6, "%": 0.01, "cores": 1}  # noqa: RUF001
    scales |= {
        f"{unit}B{per}": 1024**power
        for power, unit in enumerate(("", "Ki", "Mi", "Gi"))
        for per in ("", "/s")
    }
    found = re.fullmatch(r"(?:[≥≤]\s)?(−?[\d,.]+)(?:·10(⁻?[⁰¹²³⁴⁵⁶⁷⁸⁹]+))?\s?(.*)", text)  # noqa: RUF001
    if not found:
        return False
    number, unit = found[1].replace(",", "").replace("−", "-"), found[3]  # noqa: RUF001
    power = int((found[2] or "0").translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")))
    shown, decimals = float(number) * 10.0**power, len(number.partition(".")[2])
    slack = 0.51 * 10.0 ** (power - decimals)
    if unit == "/s" and abs(shown) >= 1000:
        slack = 0.51 * 10.0 ** (len(f"{abs(shown):.0f}") - 3)
    # times are shown of microseconds, of milliseconds and of the unit itself
    scale = scales[unit]
    return any(abs(shown - value / unit_of) <= slack for unit_of in {scale, 1, scale / 1000})


def test_a_wrong_number_would_be_seen() -> None:
    assert near("49.4 ms", 49_387)
    assert not near("49.5 ms", 49_387)
    assert near("≥ 1,230/s", 1233.6)
    assert not near("1,240/s", 1233.6)
    assert near("−8.58·10⁻⁵", -8.578e-5)  # noqa: RUF001
    assert not near("8.58·10⁻⁵", 8.578e-4)
    assert near("68.1 µs", 0.0681)
    assert not near("12 %", 0.31)


@pytest.mark.parametrize("context", ["wide", "dark", "narrow"])
def test_axe_finds_nothing(browser: Browser, report: Path, context: str) -> None:
    with opened(browser, report / "report.html", **CONTEXTS[context]) as page:
        page.locator("#throughput [role=application]").first.press("ArrowRight")
        page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        assert page.evaluate(THREE_OF_A_KIND) > 100
        found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_broken_cells_show_their_reason_and_no_number(browser: Browser, report: Path) -> None:
    with opened(browser, report / "report.html") as page:
        page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        row = page.locator("#cells td.reason").filter(has_text="truncated bodies").locator("xpath=..")
        assert row.count() == 1
        assert re.findall(r"\d", row.inner_text()) == ["2"]  # the block's own number
        limited = page.locator("#cells tr").filter(has_text="the generator had no time left").first
        assert "≥" in limited.inner_text()
        assert page.locator(".badge.warnings").first.inner_text() == "! WARNINGS"


def test_an_invalid_run_gives_its_reason_in_place_of_the_answer(browser: Browser, tmp_path: Path) -> None:
    dead = Broken("wsgi-gthread", "process-wait", "invalid", "the server died at start", 0)
    asked = (primary("asgi-uvicorn", "wsgi-gthread", "process-wait", 8),)
    directory = write(tmp_path, Run(broken=(dead,), primaries=asked, users=(8,), blocks=2, measure_s=1))
    write_report([directory], ["html"])
    with opened(browser, directory / "report.html", java_script_enabled=False) as page:
        answer = page.locator("#answer")
        assert "This run gives no answer." in answer.inner_text()
        assert "the server died at start" in answer.inner_text()
        assert page.locator("#answer data").count() == 0
        assert page.locator(".ratios").count() == 0
        assert page.locator("h1 ~ * .invalid, .bar .invalid").first.inner_text() == "✕ INVALID"


def test_it_prints(browser: Browser, report: Path, tmp_path: Path) -> None:
    with opened(browser, report / "report.html", color_scheme="dark") as page:
        page.emulate_media(media="print", color_scheme="dark")
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == "rgb(255, 255, 255)"
        written = page.pdf(path=tmp_path / "report.pdf", format="A4")
    assert written[:5] == b"%PDF-"
    assert len(written) > 50_000


def test_keys_reach_everything_and_sorting_changes_no_number(browser: Browser, report: Path) -> None:
    with opened(browser, report / "report.html") as page:
        before = sorted(element["text"] for element in keyed(page))
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        capacity = page.locator(".cases thead button").nth(1)
        capacity.focus()
        page.keyboard.press("Enter")
        values = page.evaluate(
            "[...document.querySelectorAll('.cases tbody:nth-of-type(1) td:nth-child(2) > data')]"
            ".map((d) => Number(d.value))"
        )
        assert values == sorted(values)
        assert sorted(element["text"] for element in keyed(page)) == before
        first = page.locator("#throughput .legend button").first
        first.press("Enter")
        assert first.get_attribute("aria-pressed") == "false"


def test_points_are_read_out_by_pointer_and_keys(browser: Browser, report: Path) -> None:
    """What is read out stands in the figure's table, whatever the way to the point."""
    with opened(browser, report / "report.html") as page:
        charts = page.locator("[role=application]")
        assert charts.count() >= 10
        for index in range(charts.count()):
            chart = charts.nth(index)
            readout = chart.locator("xpath=following-sibling::p[@role='status']")
            chart.focus()
            assert readout.inner_text() == ""
            for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp"):
                page.keyboard.press(key)
                assert chart.locator(".read").count() == 1
                row = int(chart.locator(".read").get_attribute("data-row") or -1)
                table = chart.locator("xpath=..").locator("details table tbody tr").nth(row)
                told = readout.locator("data").evaluate_all("(all) => all.map((d) => d.dataset.key)")
                assert told == table.locator("data").evaluate_all("(all) => all.map((d) => d.dataset.key)")
                assert readout.locator("b").text_content() == table.locator("th").text_content()
            page.keyboard.press("Escape")
            assert readout.inner_text() == ""
            assert page.locator(".read").count() == 0


def test_the_keys_move_along_a_series_and_between_them(browser: Browser, report: Path) -> None:
    with opened(browser, report / "report.html") as page:
        chart = page.locator("#throughput [role=application]").first
        readout = chart.locator("xpath=following-sibling::p[@role='status']")
        chart.focus()
        steps = []
        for key in ("ArrowRight", *["ArrowRight"] * 4, "ArrowDown", "ArrowUp", "ArrowUp"):
            page.keyboard.press(key)
            steps.append(re.match(r"(\S+), users (\d+)", readout.inner_text()))
        found = [(step[1], step[2]) for step in steps if step]
        assert [users for _, users in found] == ["1", "8", "32", "128", "128", "128", "128", "128"]
        assert len({server for server, _ in found[:5]}) == 1
        assert len({server for server, _ in found[5:]}) > 1


def test_the_nearest_point_is_read_and_a_hidden_series_is_not(browser: Browser, report: Path) -> None:
    with opened(browser, report / "report.html") as page:
        chart = page.locator("#throughput [role=application]").first
        readout = chart.locator("xpath=following-sibling::p[@role='status']")
        chart.scroll_into_view_if_needed()
        point = chart.locator("[data-row]").last
        box = point.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] / 2 + 3, box["y"] + box["height"] / 2 + 2)
        assert point.evaluate("(e) => e.classList.contains('read')")
        server = readout.locator("b").inner_text()
        page.mouse.move(0, 0)
        assert readout.inner_text() == ""
        section = page.locator("#throughput")
        section.get_by_role("button", name=server).click()
        assert section.locator(f'svg [data-series="{server}"]').first.is_hidden()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        assert readout.locator("b").inner_text() not in ("", server)


def test_hostile_names_stay_text(browser: Browser, tmp_path: Path) -> None:
    name = "</script><img src=x onerror=alert(1)>"
    planted = (Planted("wsgi-gthread", name), Planted("asgi-uvicorn", name, slots=None))
    directory = write_flat(tmp_path, Run(planted=planted, users=(8,), blocks=2, measure_s=1))
    write_report([directory], ["html", "json", "md", "csv", "svg"])
    with opened(browser, directory / "report.html") as page:
        assert page.locator("img").count() == 0
        assert name in page.locator("#cases").inner_text()
    assert "<img" not in (directory / "report.md").read_text().replace("\\<img", "")


def write_flat(results: Path, run: Run) -> Path:
    """Like `write`, for scenario names that cannot stand in a cell's directory name."""
    label = run.planted[0].scenario
    plain = replace(run, planted=[replace(planted, scenario="plain") for planted in run.planted])
    directory = write(results, plain)
    for path in directory.glob("cells/*/cell.json"):
        text = path.read_text().replace('"scenario":"plain"', f'"scenario":"{label}"')
        path.write_text(text)
    return directory


def test_a_comparison_is_the_same_page_with_the_base_on_top(browser: Browser, tmp_path: Path) -> None:
    run = replace(full_run(), quick=False, broken=(), users=(8, 32), blocks=4, measure_s=1)
    slower = [
        replace(p, service_s=p.service_s * 1.2) if p.server == "asgi-uvicorn" else p for p in run.planted
    ]
    base = write(tmp_path, run)
    new = write(tmp_path, replace(run, name="later", planted=slower, seed=12))
    page_path, document_path = compare(base, new).written
    document = summary(document_path.parent, document_path.name)
    with opened(browser, page_path) as page:
        first = page.locator("#comparison tbody tr").first.inner_text()
        assert "slower" in first
        assert "asgi-uvicorn" in first
        assert page.locator("main h2").first.inner_text() == f"Against {run.name}"
        for element in keyed(page):
            if element["tag"] == "DATA":
                assert float(element["value"]) == pointed(document, element["key"])
        assert Axe().run(page).violations_count == 0
    itself, _ = compare(base, base).written
    with opened(browser, itself) as page:
        assert "the same run compared with itself" in page.locator("#comparison").inner_text()
        assert set(page.locator("#comparison tbody .verdict").all_inner_texts()) == {"same run"}
