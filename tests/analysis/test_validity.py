"""What makes a run invalid, and what a reader is warned of."""

from pathlib import Path

import pytest

from loadtests import archive
from loadtests.analysis.reading import read
from loadtests.analysis.summary import Summary, build
from loadtests.analysis.validity import Note, bearing, validity
from loadtests.model.records import SearchRecord
from tests.report.synthetic import Broken, Planted, Run, primary, write

SERVERS = (Planted("wsgi-gthread"), Planted("asgi-uvicorn", slots=None, threads=1, slot_kind="task"))
ASKED = (primary("asgi-uvicorn", "wsgi-gthread", "process-wait", 128),)


def built(tmp_path: Path, **changes: object) -> Summary:
    return build([write(tmp_path, Run(planted=SERVERS, primaries=ASKED, **changes))])  # type: ignore[arg-type]  # Run's own fields


@pytest.mark.parametrize(("blocks", "warned"), [(2, True), (3, False)])
def test_three_blocks_are_the_least(tmp_path: Path, blocks: int, warned: bool) -> None:
    warnings = built(tmp_path, blocks=blocks).warnings
    assert any(f"rests on {blocks} blocks; three are the least" in text for text in warnings) == warned


def test_a_run_that_answers_none_of_its_questions_is_invalid(tmp_path: Path) -> None:
    """Though both servers were measured at other levels."""
    broken = [Broken("asgi-uvicorn", "process-wait", "invalid", "died", 0, 128)]
    summary = built(tmp_path, broken=broken)
    assert (summary.state, summary.reasons) == (
        "invalid",
        ["none of the plan's comparisons could be measured"],
    )


@pytest.mark.parametrize("found", [None, 400.0])
def test_a_search_that_found_nothing_in_any_block_makes_the_run_invalid(
    tmp_path: Path, found: float | None
) -> None:
    run = write(tmp_path, Run(planted=SERVERS, primaries=ASKED))
    (run / "searches").mkdir()
    for block, low in ((1, None), (2, found)):
        record = SearchRecord(
            id=f"b0{block}-wsgi-gthread-process-wait-search",
            run=run.name,
            server="wsgi-gthread",
            scenario="process-wait",
            block=block,
            target={},
            low=low,
            high=500.0,
            confirmations=2,
            reason=None if low else "no level met the target: p99 is above 100 ms",
            steps=[],
        )
        archive.write_record(run / "searches" / f"{record.id}.json", record)
    summary = build([run])
    assert (summary.state == "invalid") == (found is None)
    assert summary.reasons == (
        []
        if found
        else [
            "no capacity was found for wsgi-gthread in process-wait:"
            " no level met the target: p99 is above 100 ms"
        ]
    )


@pytest.mark.parametrize(("check", "agrees"), [((0.9, 4.1), False), ((3.8, 4.1), True)])
def test_a_cross_check_that_disagrees_is_told(
    tmp_path: Path, check: tuple[float, float], agrees: bool
) -> None:
    run = write(tmp_path, Run(planted=SERVERS, primaries=ASKED))
    reading, summary = read([run]), build([run])
    answers = [answer.model_copy(update={"cross_check": check}) for answer in summary.answers]
    points = summary.points.values()
    found = validity(reading.manifests[0], points, reading.cells, answers, [], reading.planned_cells)
    assert any("cross-check does not agree that it is faster" in text for text in found.warnings) != agrees


@pytest.mark.parametrize(
    ("notes", "told"),
    [
        ([], "Nothing was noted that could change an answer."),
        ([Note("a")], "1 note: it changes no answer."),
        ([Note("a"), Note("b")], "2 notes: none of them changes an answer."),
        ([Note("a"), Note("b", ("get at 8 users",))], "1 of 2 notes bears on 1 answer: get at 8 users."),
    ],
)
def test_which_notes_bear_on_an_answer(notes: list[Note], told: str) -> None:
    assert bearing("warnings" if notes else "valid", notes) == told
