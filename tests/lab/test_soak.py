"""The soak plan on real servers: a leak fails its gates and the command, a healthy server passes them."""

import json
import os
import tomllib
from pathlib import Path

import pytest

from loadtests.analysis import gates
from loadtests.subjects.registry import SUBJECT
from tests.conftest import require
from tests.lab.conftest import ROOT, Laboratory, Outcome

LONG = os.environ.get("TWINS_TORTURE") == "1"
MEASURE_S = 180 if LONG else 10
UVICORN = ["{python}", "-m", "uvicorn", "--port", "{port}", "--log-level", "error", "tests.lab.leaking:asgi"]
GUNICORN = [
    *("{python}", "-m", "gunicorn", "-c", "python:wsgi_app.gunicorn_conf", "-k", "gthread", "--threads", "8"),
    *("-b", "{host}:{port}", "tests.lab.leaking:wsgi"),
]
LEAKS = {
    "keeps-memory": (UVICORN, "memory", "rss_growth_bytes"),
    "keeps-descriptors": (GUNICORN, "descriptor", "descriptor_growth"),
    "keeps-threads": (UVICORN, "thread", "thread_growth"),
}


def soaked(laboratory: Laboratory, plan: str, measure_s: int) -> tuple[Outcome, Path]:
    """A short soak; once more and longer where a busy machine left the probes too little to judge by."""
    for seconds in (measure_s, 3 * measure_s):
        times = f"time.measure_s={seconds}", "time.warmup_s=2", "time.drain_s=2", "blocks=1"
        settings = [part for one in times for part in ("--set", one)]
        outcome = laboratory.twins(
            "suite", plan, *settings, "--results", str(seconds), timeout_s=4 * seconds + 120
        )
        (run,) = (laboratory.folder / str(seconds)).iterdir()
        if all(gate.status != "inconclusive" for gate in gates.check(run)):
            break
    return outcome, run


@pytest.fixture(scope="module")
def leaks(tmp_path_factory: pytest.TempPathFactory, served: Path) -> tuple[int, str, Path]:
    """One run of all leaking servers under the shipped plan's own gates: exit code, output, archive."""
    require(Path("/proc/self/task").is_dir(), "there is no /proc")
    shipped = tomllib.loads((SUBJECT.plans / "soak.toml").read_text())
    asked = [gate for gate in shipped["gates"] if "asgi-uvicorn" in gate]
    lines = [f"gates = {json.dumps([g.replace('asgi-uvicorn', name) for name in LEAKS for g in asked])}"]
    for name, (command, leak, _) in LEAKS.items():
        lines.append(f"[servers.{name}]\ncommand = {json.dumps(command)}")
        stated = {"TWINS_LEAK": leak, "TWINS_FILES": str(served), "PYTHONPATH": str(ROOT)}
        lines.append(f"[servers.{name}.environment]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in stated.items()]
    lines.append("[scenarios.mixed]\n[load]\nrates = [100]\n")
    folder = tmp_path_factory.mktemp("leaks")
    (folder / "leaks.toml").write_text("\n".join(lines))
    own = {"XDG_CACHE_HOME": str(folder), "TWINS_FILES": str(served), "PYTHONPATH": str(ROOT)}
    laboratory = Laboratory(folder, {**os.environ, **own})
    outcome, run = soaked(laboratory, "leaks.toml", 10)
    return outcome.code, outcome.out + outcome.err, run


@pytest.mark.timeout(900)  # the run of all three, and once more where the machine is busy
def test_a_leak_is_exit_code_1_and_a_line_with_its_figure(leaks: tuple[int, str, Path]) -> None:
    code, said, _ = leaks
    assert code == 1, said
    for name, (_, _, metric) in LEAKS.items():
        (line,) = [line for line in said.splitlines() if f"{metric} < " in line and f"@ {name}/mixed" in line]
        assert line.startswith("failed "), said
        assert " s: measured " in line


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", LEAKS)
def test_each_leak_fails_its_own_gate_and_no_other(name: str, leaks: tuple[int, str, Path]) -> None:
    *_, run = leaks
    (metric,) = {metric for server, (*_, metric) in LEAKS.items() if server == name}
    outcome = {g.gate.split()[0]: g for g in gates.check(run) if f"@ {name}/" in g.gate}
    assert outcome.pop(metric).status == "failed"
    # threads and descriptors take memory with them, so that it may be found to grow as well
    outcome.pop("rss_growth_bytes", None)
    assert {gate.status for gate in outcome.values()} == {"passed"}, outcome


@pytest.mark.timeout(20 * MEASURE_S + 300)
def test_the_healthy_twins_pass_the_shipped_plan(laboratory: Laboratory) -> None:
    require(Path("/proc/self/task").is_dir(), "there is no /proc")
    outcome, run = soaked(laboratory, "soak", MEASURE_S)
    assert outcome.code == 0, outcome.out + outcome.err
    found = gates.check(run)
    assert len(found) == 8
    assert {gate.status for gate in found} == {"passed"}, outcome.out
    page = (run / "report.html").read_text()
    assert "rss_growth_bytes &lt; 8_388_608 @ asgi-uvicorn/mixed" in page
