"""The report's acceptance figures: `python -m tests.acceptance.report [PART…]`; parts are below, in `main`.

Prints every figure with its limit; exits 1 where one is missed.
"""

import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # ships no types

from loadtests.analysis.laws import fit_usl
from loadtests.report import compare, write_report
from tests.acceptance import simulate
from tests.acceptance.figures import end, show
from tests.analysis.test_laws import SDM91
from tests.report.pages import chromium, keyed, opened, pointed, summary, unkeyed_numbers
from tests.report.synthetic import Broken, Planted, Run, replace, write
from tests.report.test_page import CONTEXTS, full_run, near

REASONS = (
    "the server died at start: ImportError in its log",
    "the server never became healthy within its deadline",
    "the server died while it was measured",
    "wrong bytes in the third response",
    "worker class gthread runs where sync was asked",
)
LARGE_CELLS, LARGE_REQUESTS = 500, 20_000_000


def page(folder: Path) -> None:
    directory = write(folder, full_run())
    write_report([directory])
    document = summary(directory)
    wrong = violations = numbers = 0
    with chromium() as browser:
        for options in CONTEXTS.values():
            with opened(browser, directory / "report.html", **options) as shown:
                for element in keyed(shown):
                    value = pointed(document, element["key"])
                    good = near(element["text"], value) if element["tag"] == "DATA" else True
                    numbers += element["tag"] == "DATA"
                    wrong += not good
                wrong += len(unkeyed_numbers(shown))
                if options.get("java_script_enabled", True):
                    violations += Axe().run(shown).violations_count
    show("numbers that lead to summary.json, all contexts", numbers, 4 * 800)
    show("numbers that do not equal it", wrong, 0, at_least=False)
    show("axe violations", violations, 0, at_least=False)


def laws(_: Path) -> None:
    law = fit_usl(list(SDM91), list(SDM91.values()))
    show("SDM91 sigma, off the published 0.0277285 by", abs(law.sigma - 0.0277285), 5e-8, at_least=False)
    show("SDM91 kappa, off the published 0.0001044 by", abs(law.kappa - 0.0001044), 5e-8, at_least=False)


def broken(folder: Path) -> None:
    """One cell broken in each way: each reason stands on the page, and no figure of the cell does."""
    scenarios = [f"way-{number}" for number in range(len(REASONS))]
    planted = [Planted(server, s) for s in scenarios for server in ("wsgi-sync", "asgi-uvicorn")]
    faults = [Broken("wsgi-sync", s, "invalid", r, 1) for s, r in zip(scenarios, REASONS, strict=True)]
    directory = write(folder, Run(planted=planted, users=(8,), broken=faults, measure_s=1))
    write_report([directory])
    document = summary(directory)
    found = figures = 0
    with chromium() as browser, opened(browser, directory / "report.html") as shown:
        text = shown.evaluate("document.body.textContent")
        found = sum(reason in text for reason in REASONS)
        for element in keyed(shown):
            cell = re.match(r"/cells/([^/]+)/(?!block|reason|checks)", element["key"])
            figures += bool(cell and document["cells"][cell[1]]["state"] == "invalid")
    show("reasons shown", found, len(REASONS))
    show("figures shown of broken cells", figures, 0, at_least=False)


def same(folder: Path) -> None:
    directory = write(folder, replace(full_run(), measure_s=1, users=(8, 32)))
    _, path = compare(directory, directory).written
    comparison = json.loads(path.read_text())["comparison"]
    others = sum(change["verdict"] != "same run" for change in comparison["changes"])
    show("comparisons of a run with itself", len(comparison["changes"]), 1)
    show("of them not called the same run", others, 0, at_least=False)


def large(folder: Path) -> None:
    """500 cells of 40,000 requests each, reported by a process of its own."""
    planted = [
        Planted(server, f"scenario-{n}", service_s=0.001, slots=None, capacity_per_s=8000, cpu_ms=0.1)
        for n in range(10)
        for server in ("wsgi-sync", "wsgi-gthread", "asgi-uvicorn", "asgi-threadpool", "peer-fastapi")
    ]
    directory = write(folder, Run(planted=planted, users=(16, 64), blocks=5, measure_s=4.05, quick=False))
    cells = len(list((directory / "cells").iterdir()))
    requests = sum(path.stat().st_size for path in directory.glob("cells/*/samples.bin")) // 44
    code = "import sys; from pathlib import Path; from loadtests.report import write_report; "
    code += "write_report([Path(sys.argv[1])])"
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code, str(directory)], check=True)  # noqa: S603  our own command
    took_s = time.perf_counter() - start
    peak_gb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    show("cells", cells, LARGE_CELLS)
    show("million requests", requests / 1e6, LARGE_REQUESTS / 1e6)
    show("report of the large archive", took_s, 60, at_least=False, unit=" s")
    show("its peak memory", peak_gb, 1.0, at_least=False, unit=" GB")
    show("its page", (directory / "report.html").stat().st_size / 1e6, 2.5, at_least=False, unit=" MB")


def main() -> None:
    parts = {"page": page, "laws": laws, "broken": broken, "same": same, "large": large}
    asked = sys.argv[1:] or [*parts, "simulate"]
    for name in asked:
        if name == "simulate":
            simulate.figures()
            continue
        with tempfile.TemporaryDirectory() as folder:
            parts[name](Path(folder))
    end()


if __name__ == "__main__":
    main()
