"""The page as a newcomer reads it: `make accept page`; pictures of it go to `--pictures FOLDER`, if given.

Prints every figure with its limit; exits 1 where one is missed.
"""

import sys
import tempfile
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # ships no types

from loadtests.report import write_report
from tests.acceptance.figures import end, show
from tests.report.pages import chromium, opened, summary
from tests.report.seen import CONTEXTS, answers_seen, archive, collisions, grey_twins, pages_printed
from tests.report.synthetic import Planted, Run, primary, write

WINNERS = ("asgi", "wsgi", "undecided")
SERVERS = ("wsgi-sync", "wsgi-gthread", "asgi-uvicorn", "asgi-threadpool", "peer-flask")
SCENARIOS = ("download-small", "download-large", "process-wait", "process-cpu", "mixed")
MOST_PAGES, MOST_BYTES = 5, 1_000_000


def quick(folder: Path, servers: int = 4, scenarios: int = 4) -> Path:
    """As many servers, scenarios and cells as the plan `quick` has, or more."""
    planted = [
        Planted(server, scenario, service_s=0.002 * (place + 1), block_sd=0.04)
        for scenario in SCENARIOS[:scenarios]
        for place, server in enumerate(SERVERS[:servers])
    ]
    asked = [primary("asgi-uvicorn", "wsgi-gthread", scenario, 32) for scenario in SCENARIOS[:scenarios]]
    blocks = 2 if servers == len(SERVERS) else 3
    return write(folder, Run(planted=planted, users=(8, 32), blocks=blocks, primaries=asked, measure_s=1))


def main() -> None:
    pictures = Path(sys.argv[sys.argv.index("--pictures") + 1]) if "--pictures" in sys.argv else None
    unread, over, grey, violations, shots = [], [], [], 0, 0
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        for winner in WINNERS:
            directory = archive(Path(folder), winner)
            write_report([directory], ["html", "json"])
            document = summary(directory)
            print(f"{winner}: {document['headline']}")
            for name, options in CONTEXTS.items():
                with opened(browser, directory / "report.html", **options) as page:
                    if name == "printed":
                        page.emulate_media(media="print")
                    else:
                        unread += [f"{winner}, {name}: {text}" for text in answers_seen(page, document)]
                    over += [f"{winner}, {name}: {text}" for text in collisions(page)]
                    grey += grey_twins(page)
                    if options.get("java_script_enabled", True) and name != "printed":
                        violations += Axe().run(page).violations_count
                    if pictures is not None:
                        pictures.mkdir(parents=True, exist_ok=True)
                        path = pictures / f"{winner}-{name.replace(' ', '-')}.png"
                        page.screenshot(path=path, full_page=True)
                        print(f"picture: {path}")
                        shots += 1
        directory = quick(Path(folder) / "quick")
        write_report([directory], ["html"])
        with opened(browser, directory / "report.html") as page:
            over += collisions(page)
            grey += grey_twins(page)
            printed = pages_printed(page.pdf(format="A4"))
        large = quick(Path(folder) / "large", servers=5, scenarios=5)
        write_report([large], ["html"])
        size = (large / "report.html").stat().st_size
        cells = len(list((large / "cells").iterdir()))
    for text in [*unread, *over, *grey]:
        print(f"  {text}")
    show("answers of the first screen that cannot be read", len(unread), 0, at_least=False)
    show("texts that overlap or are cut", len(over), 0, at_least=False)
    show("pairs of series alike in grey", len(grey), 0, at_least=False)
    show("axe violations", violations, 0, at_least=False)
    show("printed pages of a quick run", printed, MOST_PAGES, at_least=False)
    show(f"bytes of a page of {cells} cells", size, MOST_BYTES, at_least=False)
    end()


if __name__ == "__main__":
    main()
