"""Opening a page in real Chromium, and reading what it shows as a reader would."""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.conftest import require

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--disable-sync",
]
# text that may hold digits without being a figure: names of percentiles and of standards
NAMES = re.compile(r"p\d+(\.\d+)?")


@contextmanager
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium")
    require(path, "chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, path: Path, **options: Any) -> Iterator[Page]:
    """The page in a context of its own, offline; a request elsewhere or a console error is a failure."""
    context: BrowserContext = browser.new_context(offline=True, **options)
    page = context.new_page()
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url))
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(path.as_uri())
    yield page
    context.close()
    assert seen == [path.as_uri()]
    assert wrong == []


def pointed(document: Any, pointer: str) -> Any:
    """RFC 6901."""
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        document = document[int(name)] if isinstance(document, list) else document[name]
    return document


def keyed(page: Page) -> list[dict[str, Any]]:
    """Every element with a `data-key`: its key, tag, text and `value`."""
    found: list[dict[str, Any]] = page.evaluate(
        """[...document.querySelectorAll("[data-key]")].map((e) => ({
            key: e.dataset.key, tag: e.tagName, text: e.textContent, value: e.getAttribute("value")}))"""
    )
    return found


def unkeyed_numbers(page: Page) -> list[str]:
    """Texts with a digit that lead back to nothing: not keyed, not drawn, not code, not marked as fixed."""
    texts: list[str] = page.evaluate(
        """(() => { const found = [];
            const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
            while (walk.nextNode()) {
              const parent = walk.currentNode.parentElement;
              if (/[0-9]/.test(walk.currentNode.data)
                  && !parent.closest("[data-key], [data-fixed], svg, code, script, style")) {
                found.push(walk.currentNode.data.trim());
              } }
            return found; })()"""
    )
    return [text for text in texts if re.search(r"\d", NAMES.sub("", text))]


def summary(directory: Path, name: str = "summary.json") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((directory / name).read_text(encoding="utf-8"))
    return found
