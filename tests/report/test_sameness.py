"""Servers that did not answer alike get a ratio and no verdict, and the page says where they differ."""

import json
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # ships no types
import pytest

from loadtests import archive
from loadtests.analysis.summary import build
from loadtests.report import schemas, sentences, write_report
from loadtests.subjects.own.sameness import Asked, Ignored, Key, Twice, ignored, judge
from tests.report.synthetic import Run, primary, write

ASKED = (primary("asgi-uvicorn", "wsgi-gthread", "process-wait", 32),)
RUN = Run(primaries=ASKED, users=(32,), measure_s=1, blocks=3)


def looked(directory: Path, *ignore: str) -> Path:
    def answer(price: float) -> Twice:
        one = Asked(200, {"content-type": "application/json"}, b'{"id": 1, "price": %g}' % price)
        return one, one

    place: Key = ("item", 3)
    answers = {"wsgi-gthread": {place: answer(1.5)}, "asgi-uvicorn": {place: answer(1.25)}}
    given = {"item": ignored(ignore)} if ignore else dict[str, Ignored]()
    result = judge("process-wait", answers, given, [("wsgi-gthread", "asgi-uvicorn")])
    archive.write_sameness(directory, [result])
    return directory


def test_a_ratio_of_unequal_work_is_no_verdict(tmp_path: Path) -> None:
    directory = looked(write(tmp_path, RUN))
    summary = build([directory])
    (answer,) = summary.answers
    assert answer.verdict == "not the same work"
    assert answer.ratio is not None
    assert (
        "is no verdict: item (row 3) at $.price: wsgi-gthread answers 1.5, asgi-uvicorn 1.25"
        in answer.sentence
    )
    assert all(not case.best and not case.ties for case in summary.cases)
    assert sentences(directory)[0].startswith("process-wait: not the same work: item (row 3)")
    write_report([directory], ("html", "md", "json"))
    page, markdown, document = (
        (directory / name).read_text() for name in ("report.html", "report.md", "summary.json")
    )
    assert '<details class="same" open>' in page
    assert page.index('class="same"') < page.index('class="answers"')
    assert "$.price" in page
    assert "<del>" in page
    assert "**process-wait: not the same work" in markdown
    published = json.loads((schemas.DIRECTORY / "summary.schema.json").read_text())
    jsonschema.validate(json.loads(document), published)


def test_alike_is_one_closed_line_and_a_verdict(tmp_path: Path) -> None:
    directory = looked(write(tmp_path, RUN), "$.price")
    (answer,) = build([directory]).answers
    assert answer.verdict == "equivalent"
    write_report([directory], ("html",))
    page = (directory / "report.html").read_text()
    assert '<details class="same">' in page
    assert "wsgi-gthread and asgi-uvicorn answer alike" in page


def test_a_document_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    directory = write(tmp_path, RUN)
    (directory / archive.SAMENESS).write_text("{")
    with pytest.raises(archive.ArchiveError, match=r"sameness\.json cannot be read"):
        build([directory])
