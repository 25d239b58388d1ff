"""The atlas: its table is whole, its page is what was seen, and the servers still do what it says.

In CI the probes that wait for nothing are asked of every server; with TWINS_TORTURE all of them.
"""

import json
import signal
from collections.abc import Collection
from pathlib import Path

import pytest

from loadtests.cli import app, guarded
from loadtests.subjects.atlas import page, readings
from loadtests.subjects.atlas.asking import ask_all
from loadtests.subjects.atlas.probe import ALWAYS_POSSIBLE, SHARED, Probe, Seen
from loadtests.subjects.atlas.readings import Atlas, ChangedBehaviour, Reading, ServerReading
from loadtests.subjects.atlas.rows import ROWS
from loadtests.subjects.atlas.table import PROBES
from tests import tally
from tests.conftest import require

REFERENCE = readings.read()
BY_NAME = {probe.name: probe for probe in PROBES}
ASKED = [probe for probe in PROBES if tally.TORTURE or (probe.quick and probe.server == SHARED)]


def changed(name: str, versions: dict[str, str], probes: Collection[Probe]) -> list[ChangedBehaviour]:
    """What a server of the table answers otherwise than the reference says."""
    server = readings.reading(ROWS[name], versions, ask_all(ROWS[name], probes))
    assert set(server.rows) == {probe.name for probe in probes if probe.concerns(server.interface)}
    return list(readings.changes(REFERENCE, readings.atlas({name: server})))


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.xdist_group(f"atlas-{name}")) for name in ROWS]
)
def test_a_server_does_what_the_reference_says(name: str) -> None:
    """A failure names each behaviour that changed, and the releases on both sides.

    What differs is asked once more: on a busy machine a wait of half a second may be too short.
    """
    versions = ROWS[name].versions()
    require(versions, f"{', '.join(ROWS[name].parts)} are not installed")
    changes = changed(name, versions or {}, ASKED)
    if changes:
        changes = changed(name, versions or {}, [BY_NAME[change.probe] for change in changes])
    assert not changes, "\n".join(change.sentence(BY_NAME[change.probe].question) for change in changes)


def test_the_reference_answers_every_probe_of_every_server_in_its_words() -> None:
    assert list(REFERENCE.servers) == list(ROWS)
    for name, server in REFERENCE.servers.items():
        assert set(server.rows) == {probe.name for probe in PROBES if probe.concerns(server.interface)}, name
        for probe, row in server.rows.items():
            words = BY_NAME[probe].answers
            assert not words or row.answer in (*words, *ALWAYS_POSSIBLE), (name, probe, row.answer)


def test_the_page_is_what_the_reference_says() -> None:
    """Made anew by `python -m loadtests.subjects.atlas.page`."""
    assert page.PAGE.read_text(encoding="utf-8") == page.text(REFERENCE)


def test_a_probe_is_whole() -> None:
    assert len(BY_NAME) == len(PROBES)
    for probe in PROBES:
        assert probe.question.endswith("?")
        assert probe.matters.endswith((".", "!"))
        assert set(probe.right) <= set(probe.answers), probe.name
        for text in (probe.sent, probe.rule):
            assert text
            assert not text.endswith("."), text


def test_a_change_names_the_releases_and_both_answers() -> None:
    now = {"uvicorn": "0.55.0", "h11": "0.16.0"}
    before = {"uvicorn": "0.54.0", "h11": "0.16.0"}
    change = ChangedBehaviour("uvicorn-h11", "half-closed", "dropped", "answered", before, now)
    assert change.with_release
    assert change.sentence("half-close is") == (
        'uvicorn 0.55.0 (was 0.54.0), uvicorn-h11: half-close is "answered" now (was "dropped").'
    )
    same = ChangedBehaviour("uvicorn-h11", "half-closed", "dropped", "answered", before, before)
    assert not same.with_release
    assert same.sentence("half-close is").startswith("the same releases, uvicorn-h11: ")


def planted(answer: str, figure: float) -> Atlas:
    rows = {"date": Reading(answer=answer, low=figure, high=figure), "server": Reading(answer="`x`")}
    server = ServerReading(interface="wsgi", versions={"x": "1"}, command="x", rows=rows)
    return Atlas(python="3.11.0", system="Linux", runs=1, servers={"x": server})


def test_runs_that_answer_alike_are_merged_into_ranges() -> None:
    merged = readings.merged([planted("fresh", 2.0), planted("fresh", 1.0), planted("fresh", 1.5)])
    assert merged.runs == 3
    assert merged.servers["x"].rows["date"] == Reading(answer="fresh", low=1.0, high=2.0)
    assert merged.servers["x"].rows["server"] == Reading(answer="`x`")


def test_runs_that_answer_differently_make_no_reference() -> None:
    with pytest.raises(ValueError, match="date of x is 'fresh' in one run and 'none' in another"):
        readings.merged([planted("fresh", 2.0), planted("none", 2.0)])


def test_a_planted_change_is_found() -> None:
    (change,) = readings.changes(planted("fresh", 2.0), planted("none", 9.0))
    assert (change.server, change.probe, change.before, change.now) == ("x", "date", "fresh", "none")


def test_a_figure_without_an_answer_is_no_number() -> None:
    """What was not timed has no figure, and never a zero."""
    server = readings.reading(ROWS["waitress"], {}, {"date": Seen("none")})
    assert server.rows["date"].low is None


def twins(*arguments: str) -> int:
    return guarded(lambda: app(["atlas", *arguments]))


CONTRARY = {
    "kept-11": "closed, unsaid",
    "kept-10": "closed",
    "idle-kept": "closed at once",
    "pipelined": "the first only",
    "empty-line": "refused: 418",
    "prior-knowledge": "served as HTTP/1",
    "many-kept": "none is kept",
    "date": "none",
    "server": "`contrary`",
    "queue": "7",
    "term-status": "ended by SIGTERM",
}


def test_ones_own_server_is_asked_by_a_plan(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A server that does everything otherwise: no probe says what it always says."""
    plan = tmp_path / "own.toml"
    program = Path(__file__).with_name("contrary.py")
    plan.write_text(
        f'# own\n[servers.contrary]\ncommand = ["{{python}}", "{program}", "{{port}}"]\nhealth = "/"\n'
        "[load]\nusers = 1\n[scenarios.health]\n"
    )
    options = [part for name in CONTRARY for part in ("--probe", name)]
    assert twins("--plan", str(plan), "--json", *options) == 0
    rows = json.loads(capfd.readouterr().out)["servers"]["contrary"]["rows"]
    assert {name: row["answer"] for name, row in rows.items()} == CONTRARY


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("uvicorn-h1",), "there is no server 'uvicorn-h1'; did you mean 'uvicorn-h11'?"),
        (("--probe", "dated"), "there is no probe 'dated'; did you mean 'date'?"),
        (("--plan", "no.toml"), "no.toml cannot be read"),
    ],
)
def test_a_mistake_is_one_sentence(
    arguments: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert twins(*arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert sentence in said.err
    assert said.err.count("\n") == 1


def test_a_server_of_another_machine_is_not_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = tmp_path / "far.toml"
    plan.write_text(
        '# far\n[servers.far]\nurl = "http://192.0.2.1:80"\n[load]\nusers = 1\n[scenarios.health]\n'
    )
    assert twins("--plan", str(plan)) == 2
    assert "the atlas asks servers of this machine" in capsys.readouterr().err


def test_a_server_that_does_not_start_is_one_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "dead.toml"
    plan.write_text(
        '# dead\n[servers.dead]\ncommand = ["{python}", "-c", "raise SystemExit(\'no disk\')"]\n'
        "[load]\nusers = 1\n[scenarios.health]\n"
    )
    assert twins("--plan", str(plan), "--probe", "date") == 3
    assert capfd.readouterr().err == "twins: dead ended at once: no disk\n"


def test_signals_that_a_script_has_ignored_are_heard_by_servers() -> None:
    """After `&` in a script, or under nohup, Python would leave SIGINT and SIGHUP ignored."""
    kept = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGHUP)}
    try:
        row = ROWS["waitress"]
        seen = ask_all(row, [BY_NAME["hup"]])
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
    assert seen == {"hup": Seen("it ends")}
