"""The files a report is: whole, small, valid against their schemas, and made of the archive alone."""

import csv
import json
import os
import shutil
from pathlib import Path
from xml.etree import ElementTree

import jsonschema  # type: ignore[import-untyped]  # ships no types
import pytest

from loadtests.analysis import gates
from loadtests.analysis.summary import build
from loadtests.archive import ArchiveError
from loadtests.report import FORMATS, junit, schemas, sentences, write_report
from loadtests.report.figures import figure
from loadtests.report.keys import pointer
from loadtests.report.palette import FAMILIES, SURFACES, looks
from loadtests.report.writing import FormatError
from tests.report.pages import summary
from tests.report.synthetic import Broken, Planted, Run, primary, replace, write

ASKED = (primary("asgi-uvicorn", "wsgi-gthread", "process-wait", 32),)
SMALL = Run(primaries=ASKED, users=(8, 32), measure_s=1, blocks=2)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    broken = (Broken("wsgi-gthread", "process-wait", "invalid", "died", 2, 8),)
    directory = write(tmp_path_factory.mktemp("runs"), replace(SMALL, broken=broken))
    write_report([directory])
    return directory


def test_every_format_is_written_and_nothing_half(report: Path) -> None:
    names = {path.relative_to(report).as_posix() for path in report.rglob("*") if path.is_file()}
    assert {
        *("report.html", "report.md", "summary.json", "summary.csv"),
        *(f"charts/{stem}.{kind}" for stem in ("ratios", "throughput") for kind in ("svg", "png")),
    } <= names
    assert not [name for name in names if os.path.basename(name).startswith(".")]
    assert (report / "charts/ratios.png").read_bytes()[:4] == b"\x89PNG"


def test_the_report_is_a_pure_function_of_the_archive(tmp_path: Path) -> None:
    directory = write(tmp_path, SMALL)
    formats = ("html", "md", "json", "csv", "svg")
    written = write_report([directory], formats)
    first = [path.read_bytes() for path in written]
    assert [path.read_bytes() for path in write_report([directory], formats)] == first


def test_summary_json_keeps_its_published_schema(report: Path) -> None:
    published = json.loads((schemas.DIRECTORY / "summary.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(published)
    jsonschema.validate(summary(report), published)
    assert summary(report)["$schema"] == published["$id"]
    broken = summary(report) | {"state": "splendid"}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, published)


def test_the_published_schemas_are_the_models(report: Path) -> None:
    for name, text in schemas.texts().items():
        assert (schemas.DIRECTORY / name).read_text() == text, "run python -m loadtests.report.schemas"


def test_summary_csv_keeps_its_schema(report: Path) -> None:
    fields = json.loads((schemas.DIRECTORY / "summary.csv.schema.json").read_text())["fields"]
    rows = list(csv.DictReader((report / "summary.csv").open()))
    assert list(rows[0]) == [field["name"] for field in fields]
    cells = summary(report)["cells"]
    assert len(rows) == len(cells)
    for row in rows:
        cell = cells[row["cell"]]
        assert row["throughput_per_s"] == (
            "" if cell["throughput_per_s"] is None else str(cell["throughput_per_s"])
        )
        if row["state"] == "invalid":
            figures = [
                row[f["name"]]
                for f in fields
                if f["type"] != "string" and f["name"] not in ("level", "block")
            ]
            assert set(figures) == {""}


def test_markdown_tells_the_verdicts_and_links_pictures_that_are_there(report: Path) -> None:
    text = (report / "report.md").read_text()
    for sentence in sentences(report):
        assert sentence in text
    assert "| **" in text
    for address in ("charts/ratios.svg", "charts/throughput.svg"):
        assert f"]({address})" in text
        assert (report / address).is_file()


def test_markdown_of_an_invalid_run_gives_its_reason_in_place_of_the_answer(tmp_path: Path) -> None:
    reason = "no | answer\nfrom <img src=x>"
    broken = (Broken("wsgi-gthread", "process-wait", "invalid", reason, 0),)
    directory = write(tmp_path, replace(SMALL, broken=broken))
    write_report([directory], ["md"])
    text = (directory / "report.md").read_text()
    assert text.startswith("# No answer on this 2-core machine: the run is not sound.\n\n**INVALID**: ")
    assert (
        "**No answer:**\n\n- wsgi-gthread has no sound cell in process-wait: no \\| answer from \\<img"
        in text
    )
    assert "| verdict |" not in text


def test_markdown_shows_what_is_only_a_bound(tmp_path: Path) -> None:
    held_up = (Broken("wsgi-gthread", "process-wait", "generator-limited", "no time left", 0),)
    asked = (primary("asgi-uvicorn", "wsgi-gthread", "process-wait", 32),)
    slow = (Planted("wsgi-gthread"), Planted("asgi-uvicorn", slots=None, capacity_per_s=100))
    directory = write(tmp_path, replace(SMALL, planted=slow, primaries=asked, broken=held_up))
    write_report([directory], ["md"])
    lines = (directory / "report.md").read_text().splitlines()
    (answer,) = (line for line in lines if "**at most**" in line)
    assert "| ≤ 0.1" in answer
    (case,) = (line for line in lines if line.startswith("| process-wait | wsgi-gthread |"))
    assert "≥\N{NO-BREAK SPACE}" in case
    assert "≤\N{NO-BREAK SPACE}" in case


def test_a_large_markdown_report_stays_under_64_kb(tmp_path: Path) -> None:
    planted = [
        Planted(name, f"scenario-{n:03d}") for n in range(150) for name in ("wsgi-gthread", "asgi-uvicorn")
    ]
    asked = [primary("asgi-uvicorn", "wsgi-gthread", f"scenario-{n:03d}", 8) for n in range(150)]
    run = Run(planted=planted, users=(8,), blocks=2, measure_s=0.5, primaries=asked)
    directory = write(tmp_path, run)
    write_report([directory], ["md"])
    assert (directory / "report.md").stat().st_size < 64_000
    assert (directory / "report.md").read_text().startswith("# On this 2-core machine ")


def test_a_page_of_a_hundred_cells_is_under_a_megabyte(tmp_path: Path) -> None:
    planted = [
        Planted(server, scenario)
        for scenario in ("download-small", "download-large", "process-wait", "process-cpu", "mixed")
        for server in ("wsgi-sync", "wsgi-gthread", "asgi-uvicorn", "asgi-threadpool", "peer-flask")
    ]
    directory = write(tmp_path, Run(planted=planted, users=(8, 32), blocks=2, measure_s=1))
    write_report([directory], ["html"])
    assert len(list((directory / "cells").iterdir())) == 100
    assert (directory / "report.html").stat().st_size < 1_000_000


def test_each_question_has_its_sentence_and_the_highest_level_asked_about_is_the_reference(
    tmp_path: Path,
) -> None:
    asked = [
        primary("asgi-uvicorn", "wsgi-gthread", "process-wait", *rest)
        for rest in ((8, "response_p99"), (32,), (8,))
    ]
    directory = write(tmp_path, replace(SMALL, users=(8, 32), primaries=tuple(asked)))
    assert [text.partition(": ")[0] for text in sentences(directory)] == [
        "process-wait, 32 users",
        "process-wait, 8 users",
        "process-wait, 8 users",
    ]
    assert "p99" in sentences(directory)[-1]
    assert build([directory]).references["process-wait"].value == 32


def test_each_scenario_has_one_sentence(report: Path) -> None:
    (sentence,) = sentences(report)
    assert sentence.startswith("process-wait, 32 users: ")
    assert sentence.endswith(".")


def test_without_a_question_the_sentence_says_what_was_measured(tmp_path: Path) -> None:
    dead = Broken("wsgi-gthread", "process-wait", "invalid", "died", 0)
    (sentence,) = sentences(write(tmp_path / "a", replace(SMALL, primaries=())))
    assert "requests/s" in sentence
    reason, broken = sentences(write(tmp_path / "b", replace(SMALL, primaries=(), broken=(dead,))))
    assert reason.startswith("no answer: wsgi-gthread has no sound cell")
    assert "wsgi-gthread no figure (died)" in broken


def test_what_plain_locust_wrote_is_a_report_too(tmp_path: Path) -> None:
    cell = next((write(tmp_path / "runs", SMALL) / "cells").iterdir())
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("generator.json", "samples.bin"):
        shutil.copy(cell / name, bare / name)
    assert [path.name for path in write_report([bare], ["html", "json"])] == ["report.html", "summary.json"]
    (found,) = summary(bare)["cells"].values()
    assert found["server"] == "target"
    assert found["throughput_per_s"] > 0
    assert (bare / found["directory"]).resolve() == bare


def test_junit_is_what_ci_reads(report: Path) -> None:
    asked = [
        "throughput > 1 @ wsgi-gthread/process-wait/32",
        "throughput > 1e9 @ wsgi-gthread/process-wait/32",
        "p99_us < 1 @ wsgi-gthread/process-wait/8",
    ]
    root = ElementTree.fromstring(junit.document(gates.check(report, asked)))  # noqa: S314  our own text
    suite = root.find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
    assert [len(case) for case in suite.findall("testcase")] == [0, 1, 1]
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert "limit 1,000,000,000/s" in str(failure.get("message"))


def test_mistakes_are_one_sentence(tmp_path: Path, report: Path) -> None:
    with pytest.raises(FormatError, match="'pdf' is none of"):
        write_report([report], ["pdf"])
    with pytest.raises(ArchiveError, match="is not a run"):
        write_report([tmp_path])
    assert set(FORMATS) == {"html", "md", "json", "csv", "svg", "png"}


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (12345.6, "per_s", "12,300/s"),
        (999.4, "us", "999 µs"),
        (49_387, "us", "49.4 ms"),
        (2_500_000, "us", "2.50 s"),
        (1.6234, "times", "1.62×"),  # noqa: RUF001
        (76.3 * 2**20, "bytes", "76.3 MiB"),
        (0.975, "percent", "97.5 %"),
        (0.0, "share", "0 %"),
        (None, "us", "–"),  # noqa: RUF001
    ],
)
def test_figures(value: float | None, unit: str, text: str) -> None:
    assert figure(value, unit) == text  # type: ignore[arg-type]  # a unit of the table above


def test_pointers_are_rfc_6901() -> None:
    assert pointer(("points", "a/b~c", 0, ("low",))) == "/points/a~1b~0c/0/low"


def contrast(one: str, other: str) -> float:
    """WCAG 2.1's ratio of relative luminances."""

    def luminance(colour: str) -> float:
        channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_every_series_stands_out_in_light_and_dark() -> None:
    light, dark = SURFACES["ground"]
    for family in FAMILIES.values():
        for colour, night in family:
            assert contrast(colour, light) >= 3
            assert contrast(night, dark) >= 3
    found = looks([(f"wsgi-{n}", "wsgi") for n in range(5)] + [(f"asgi-{n}", "asgi") for n in range(5)])
    assert len({look.colour for look in found.values()}) == 10
