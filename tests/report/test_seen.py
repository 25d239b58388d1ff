"""What a newcomer reads on the first screen; the long form is `make accept page`."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from loadtests.report import write_report
from tests.report.pages import chromium, opened, summary
from tests.report.seen import CONTEXTS, answers_seen, archive, collisions, grey_twins, pages_printed


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.mark.parametrize(
    ("winner", "words"),
    [
        (
            "asgi",
            "ASGI (planted asgi-uvicorn) served more than WSGI (planted wsgi-gthread) in 2 of 2 workloads, ",
        ),
        (
            "wsgi",
            "WSGI (planted wsgi-gthread) served more than ASGI (planted asgi-uvicorn) in 2 of 2 workloads, ",
        ),
        ("undecided", ": process-wait and download-small are undecided."),
    ],
)
def test_the_first_screen_answers(browser: Browser, tmp_path: Path, winner: str, words: str) -> None:
    directory = archive(tmp_path, winner)
    write_report([directory], ["html", "json"])
    document = summary(directory)
    assert words in document["headline"]
    for context in ("light", "narrow"):
        with opened(browser, directory / "report.html", **CONTEXTS[context]) as page:
            assert answers_seen(page, document) == []
            assert collisions(page) == []
            assert grey_twins(page) == []
            if winner == "undecided" and context == "light":
                assert pages_printed(page.pdf(format="A4")) < 6


def test_links_survive_another_name_of_the_folder(tmp_path: Path) -> None:
    directory = archive(tmp_path, "asgi")
    write_report([directory], ["html", "json"])
    renamed = directory.rename(tmp_path / "another name")
    for cell in summary(renamed)["cells"].values():
        assert (renamed / cell["directory"] / "cell.json").is_file()
