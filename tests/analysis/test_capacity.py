"""Matched means are said only where it is known of both sides how many requests they serve at once."""

from pathlib import Path

import pytest

from loadtests.analysis.summary import Summary, build
from loadtests.report.markdown import markdown
from tests.report.synthetic import Planted, Run, primary, replace, write

ONE = Planted("threads", slots=1, threads=1, cpu_ms=0.01)
MANY = Planted("many", slots=64, threads=64, cpu_ms=0.01)
MATCHED = {"matched": "capacity-matched"}


def built(folder: Path, *planted: Planted, users: int = 64) -> Summary:
    asked = (primary(planted[1].server, planted[0].server, "process-wait", users),)
    return build([write(folder, Run(planted=planted, users=(users,), primaries=asked, plan=MATCHED))])


def undeclared(planted: Planted) -> Planted:
    return replace(planted, slots=None, slot_kind="unknown", threads=1)


@pytest.mark.parametrize(
    ("sides", "means"),
    [
        ((ONE, MANY), "not matched (many 64 threads, threads 1 thread)"),
        ((undeclared(ONE), MANY), "capacity unknown (slots of threads not declared)"),
        ((undeclared(ONE), undeclared(MANY)), "capacity unknown (slots of many and threads not declared)"),
        ((replace(ONE, slots=None), MANY), "capacity unknown (slots of threads not declared)"),
        ((replace(ONE, slots=64), MANY), "capacity-matched"),
        (
            (replace(ONE, slots=None, slot_kind="task"), MANY),
            "not matched (many 64 threads, threads without a bound)",
        ),
        (
            (replace(ONE, slots=None, slot_kind="task"), replace(MANY, slots=None, slot_kind="task")),
            "capacity-matched",
        ),
    ],
)
def test_what_is_not_known_or_differs_is_not_called_matched(
    sides: tuple[Planted, Planted], means: str, tmp_path: Path
) -> None:
    summary = built(tmp_path, *sides, users=128)
    (answer,) = summary.answers
    assert answer.means == summary.method.matched == means
    told = [warning for warning in summary.warnings if "was given" in warning]
    assert bool(told) == (means != "capacity-matched")
    assert summary.state == ("warnings" if told else "valid")
    text = markdown(summary.model_dump(mode="json"))
    assert f"128 users, {means}: " in text
    assert ("capacity-matched" in text) == (means == "capacity-matched")


def test_more_users_are_promised_only_where_the_slots_are_known(tmp_path: Path) -> None:
    """One thread that nobody declared: whoever waits for it looks as if nobody waited."""
    hidden = built(tmp_path / "a", replace(ONE, slots=64), undeclared(MANY), users=8)
    told = hidden.explanations["many/process-wait/u8"]
    assert told.cause == "not established"
    assert "its slots are not declared" in told.text
    assert "more users" not in told.text
    assert hidden.explanations["threads/process-wait/u8"].cause == "users"
