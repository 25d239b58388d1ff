"""What a reader sees of a page in Chromium: the ten answers of its first screen, and where texts collide."""

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from loadtests.model.digits import digits
from tests.report.pages import pointed
from tests.report.synthetic import Planted, Run, primary, write

CONTEXTS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 1200}},
    "dark": {"viewport": {"width": 1280, "height": 1200}, "color_scheme": "dark"},
    "narrow": {"viewport": {"width": 390, "height": 2400}},
    "narrow and dark": {"viewport": {"width": 390, "height": 2400}, "color_scheme": "dark"},
    "without JavaScript": {"viewport": {"width": 1280, "height": 1200}, "java_script_enabled": False},
    "printed": {"viewport": {"width": 1000, "height": 1200}},
}
FIRST_SCREEN = {1280: 1200, 390: 2400}  # px that may be read without knowing where to look, by width
LINKS = ("What to do next", "On what machine", "May I believe it?", "Raw data", "How to repeat it")
WSGI = Planted("wsgi-gthread")
ASGI = Planted("asgi-uvicorn", slots=None, threads=1, slot_kind="task", capacity_per_s=4000, cpu_ms=0.24)


def archive(folder: Path, winner: str) -> Path:
    """A run of two servers in two scenarios, won by `wsgi`, by `asgi`, or by nobody that can be told."""
    planted = {
        "asgi": (WSGI, ASGI),
        "wsgi": (
            Planted("wsgi-gthread", slots=None, capacity_per_s=3000),
            Planted("asgi-uvicorn", slots=None, capacity_per_s=900),
        ),
        "undecided": (
            Planted("wsgi-gthread", slots=None, capacity_per_s=1000, block_sd=0.3),
            Planted("asgi-uvicorn", slots=None, capacity_per_s=1010, block_sd=0.3),
        ),
    }[winner]
    scenarios = ("process-wait", "download-small")
    asked = [primary("asgi-uvicorn", "wsgi-gthread", scenario, 128) for scenario in scenarios]
    every = [
        Planted(**{**vars(server), "scenario": scenario}) for scenario in scenarios for server in planted
    ]
    run = Run(
        name=f"20261122-101500-{winner}",
        planted=every,
        users=(8, 32, 128),
        primaries=asked,
        measure_s=1,
        plan={"matched": "capacity-matched"},
        asked={"process-wait": "POST that waits 50 ms", "download-small": "GET of a 1 KiB file"},
    )
    return write(folder, run)


def answers_seen(page: Page, document: dict[str, Any]) -> list[str]:
    """What of the ten answers is not to be read on the first screen; each figure is the document's."""
    width = page.evaluate("innerWidth")
    limit = FIRST_SCREEN[width]
    wrong: list[str] = []

    def texts(selector: str) -> list[str]:
        found: list[str] = page.evaluate(
            """([selector, limit]) => [...document.querySelectorAll(selector)]
                .filter((e) => { const box = e.getBoundingClientRect();
                    return box.height > 0 && box.bottom + scrollY <= limit && box.right <= innerWidth; })
                .map((e) => e.textContent.replace(/\\s+/g, " ").trim())""",
            [selector, limit],
        )
        return found

    def expect(what: str, wanted: list[str], selector: str) -> None:
        shown = " | ".join(texts(selector))
        wrong.extend(
            f"{what}: {text!r} is not within {limit} px"
            for text in wanted
            if " ".join(text.split()) not in shown
        )

    answers = document["answers"]
    expect("the headline", [document["headline"]], "h1")
    compared = {answer[side] for answer in answers for side in ("server", "baseline")}
    expect("what was compared", [f"{s}: {document['sides'][s]['told']}" for s in compared], ".who li")
    expect("what was asked", [document["asked"][a["scenario"]] for a in answers], ".answer .asked")
    expect("who won", [_winner(answer) for answer in answers], ".answer .winner")
    expect("by how much", [_times(answer) for answer in answers if answer["ratio"]], ".answer .ratio data")
    expect("how sure", [_span(answer) for answer in answers if answer["low"]], ".answer .sentence")
    expect("why", [text for answer in answers for text in answer["explanation"]], ".answer .why li")
    expect("where to go on", list(LINKS), ".contents a")
    for link in LINKS:
        target = page.get_by_role("link", name=link, exact=True).get_attribute("href") or "#"
        if page.locator(target).count() != 1:
            wrong.append(f"{link} leads nowhere")
    for element in page.locator(".answer .ratio data").all():
        value = pointed(document, element.get_attribute("data-key") or "")
        turned = element.get_attribute("data-turned") is not None
        if float(element.get_attribute("value") or "nan") != (1 / value if turned else value):
            wrong.append(f"{element.inner_text()} is not summary.json's {value}")
    return wrong


def _turned(answer: dict[str, Any]) -> bool:
    return answer["verdict"] in ("slower", "at most")


def _winner(answer: dict[str, Any]) -> str:
    if answer["verdict"] in ("faster", "slower", "at least", "at most"):
        return str(answer["baseline"] if _turned(answer) else answer["server"])
    words = {"inconclusive": "undecided", "equivalent": "equivalent", "invalid": "no answer"}
    return words.get(answer["verdict"], "not measured")


def _times(answer: dict[str, Any]) -> str:
    ratio = answer["ratio"]
    return f"{digits(1 / ratio if _turned(answer) else ratio)}×"  # noqa: RUF001


def _span(answer: dict[str, Any]) -> str:
    low, high = answer["low"], answer["high"]
    if _turned(answer):
        low, high = 1 / high, 1 / low
    return f"between {digits(low)} and {digits(high)}×, {answer['blocks']} blocks"  # noqa: RUF001


def collisions(page: Page) -> list[str]:
    """Texts of charts that overlap each other, or that end outside of the page or of their section."""
    found: list[str] = page.evaluate(
        """(() => {
            const wrong = [];
            for (const svg of document.querySelectorAll("svg.chart")) {
              if (!svg.getClientRects().length) continue;
              const texts = [...svg.querySelectorAll("text")].filter((t) => t.textContent.trim()
                  && t.getClientRects().length && getComputedStyle(t).opacity !== "0");
              const boxes = texts.map((t) => ({ text: t.textContent, box: t.getBoundingClientRect() }));
              const seen = new Map();
              for (const b of boxes) seen.set(`${b.text} ${Math.round(b.box.x)} ${Math.round(b.box.y)}`, b);
              const all = [...seen.values()];
              for (const [i, a] of all.entries()) {
                if (a.box.left < -0.5 || a.box.right > document.documentElement.clientWidth + 0.5)
                  wrong.push(`${a.text} is cut`);
                for (const b of all.slice(i + 1)) {
                  const across = Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left);
                  const down = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top);
                  // a box of text is higher than its letters
                  if (across > 1 && down > 0.35 * Math.min(a.box.height, b.box.height))
                    wrong.push(`${a.text} lies over ${b.text}`);
                }
              }
            }
            for (const element of document.querySelectorAll("h1, h2, h3, p, li, .winner, .ratio data")) {
              const box = element.getBoundingClientRect();
              if (box.width && !element.closest(".scroll, .visually-hidden, .skip")
                  && box.right > document.documentElement.clientWidth + 1)
                wrong.push(`${element.textContent.slice(0, 40)} is cut`);
            }
            return wrong; })()"""
    )
    return found


def grey_twins(page: Page) -> list[str]:
    """Pairs of series in one chart that differ in neither mark nor dash."""
    charts: list[list[list[str]]] = page.evaluate(
        """[...document.querySelectorAll("figure.panel")].map((figure) => {
            const looks = {};
            for (const line of figure.querySelectorAll("svg path[data-series][stroke][fill=none]")) {
              if (Number(line.getAttribute("stroke-width")) > 1.5)
                looks[line.dataset.series] = [line.getAttribute("stroke-dasharray") ?? "", ""];
            }
            const rows = figure.querySelectorAll("details tbody tr");
            for (const mark of figure.querySelectorAll("svg path[data-row]")) {
              const name = rows[Number(mark.dataset.row)].cells[0].textContent;
              if (looks[name]) looks[name][1] = mark.getAttribute("d").replace(/[\\d.]+/g, "n");
            }
            return Object.entries(looks).map(([name, [dash, mark]]) => [name, dash, mark]); })"""
    )
    return [
        f"{a[0]} and {b[0]}"
        for series in charts
        for place, a in enumerate(series)
        for b in series[place + 1 :]
        if a[1:] == b[1:]
    ]


def pages_printed(written: bytes) -> int:
    """How many pages a PDF has."""
    return len(re.findall(rb"/Type\s*/Page[^s]", written))
