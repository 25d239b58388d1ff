"""A change between two runs, as sentences and as an exit code."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer

from loadtests.analysis.run_comparison import CompareError
from loadtests.commands.reporting import Failing
from loadtests.commands.reporting import compare as compare_command
from loadtests.lab.plan import PlanError
from tests.report.synthetic import Planted, Run, primary, write

OLD = Planted("new", capacity_per_s=1_000.0, cpu_ms=0.4)
PAIR = (replace(OLD, server="old"), OLD)
METRIC = "cpu_ms_per_request"
RUN = Run(
    name="base",
    planted=PAIR,
    users=(32,),
    blocks=5,
    quick=False,
    measure_s=2.0,
    primaries=(primary("new", "old", "process-wait", 32, metric=METRIC),),
)


def code(base: Path, new: Path, **options: Any) -> int:
    try:
        compare_command(str(base), [str(new)], results=base.parent, **options)
    except typer.Exit as end:
        return end.exit_code
    return 0


def test_more_cpu_for_each_request_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = write(tmp_path, RUN)
    worse = (PAIR[0], replace(OLD, cpu_ms=0.46))
    new = write(tmp_path, replace(RUN, name="worse", planted=worse, seed=2))
    assert code(base, new) == 0
    assert code(base, new, fail_on=Failing.slower) == 1
    told = capsys.readouterr().out
    assert "the new run takes 1.1" in told
    assert "the CPU of the base for each request" in told


@pytest.mark.parametrize("strict", [False, True])
def test_the_same_code_passes(tmp_path: Path, strict: bool) -> None:
    base = write(tmp_path, RUN)
    new = write(tmp_path, replace(RUN, name="alike", seed=2))
    assert code(base, new, fail_on=Failing.slower, strict=strict) == 0


def test_what_is_not_settled_is_an_exit_code_of_its_own(tmp_path: Path) -> None:
    short = replace(RUN, blocks=1)
    base = write(tmp_path, short)
    new = write(tmp_path, replace(short, name="later", seed=2))
    assert code(base, new, fail_on=Failing.slower) == 0
    assert code(base, new, fail_on=Failing.slower, strict=True) == 4


def test_runs_that_share_nothing_are_told_so(tmp_path: Path) -> None:
    base = write(tmp_path, RUN)
    other = write(tmp_path, replace(RUN, name="other", planted=(Planted("third"),), primaries=()))
    with pytest.raises(CompareError, match="base and other share no server in the same scenario"):
        code(base, other)


def test_something_has_to_decide(tmp_path: Path) -> None:
    base = write(tmp_path, replace(RUN, primaries=()))
    with pytest.raises(PlanError, match=r"has no \[\[compare\]\]"):
        code(base, base, fail_on=Failing.slower)
