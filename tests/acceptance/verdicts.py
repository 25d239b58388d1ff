"""Verdicts on real servers: `python -m tests.acceptance.verdicts [--short]`, 20 minutes on a quiet machine.

A server against itself must not seem to differ; 10 ms more of every 100 must be found. `--short` only shows
that the script works: its figures are no evidence.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from shared.settings import cache_directory
from tests.acceptance.figures import end, show
from tests.acceptance.lab import ROOT

# all 12 blocks of the plan, as blocks are what is counted; shorter cells: about 3 minutes a run
AA = ("time.warmup_s=0.7", "time.measure_s=1.6")
AA_SHORT = ("blocks=2", "time.warmup_s=0.3", "time.measure_s=0.7")
AA_RUNS, PLANTED_RUNS = 3, 3
WAIT_MS, USERS = 50, 16
PLANTED = """\
# Waiting work at fixed users, below what the server can do: its time is the service time alone.
blocks = {blocks}
seed = {seed}
[time]
warmup_s = {warmup_s}
measure_s = {measure_s}
drain_s = 1
[load]
users = [{users}]
[servers.asgi-uvicorn]
[servers.wsgi-gthread]
threads = 32
[scenarios.process-wait]
parameters = {{ wait_ms = {wait_ms:g} }}
[scenarios.download-small]
[[compare]]
server = "asgi-uvicorn"
baseline = "wsgi-gthread"
scenario = "process-wait"
level = {{ kind = "users", value = {users} }}
metric = "response_p50"
"""


class Runs:
    """Runs below a folder, with a noise floor of their own."""

    def __init__(self, folder: Path, short: bool) -> None:
        self.folder, self.short = folder, short
        self.environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
        self.environment["XDG_CACHE_HOME"] = str(folder / "cache")
        self.floor = cache_directory(self.environment) / "noise-floor.json"
        known = cache_directory() / "calibration.json"
        if known.is_file():
            self.floor.parent.mkdir(parents=True)
            shutil.copy(known, self.floor.parent)

    def twins(self, *arguments: str) -> str:
        done = subprocess.run(  # noqa: S603  our own command
            [sys.executable, "-m", "loadtests.cli", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in (0, 3):
            raise SystemExit(done.stderr)
        for line in done.stderr.splitlines():
            if "noise floor of" in line:
                print(f"  {line}", flush=True)
        return done.stdout

    def suite(self, plan: str, *sets: str) -> Path:
        options = [part for one in sets for part in ("--set", one)]
        return self.folder / str(json.loads(self.twins("suite", plan, *options, "--json"))["directory"])


def same(runs: Runs) -> None:
    """One A/A run is the floor of the others; these may call one difference that is none."""
    sets = AA_SHORT if runs.short else AA
    judged, false = 0, []
    kept = ""
    for number in range(AA_RUNS + 1):
        if number:
            runs.floor.write_text(kept)  # not that of the run before, which it may have replaced
        run = runs.suite("aa", f"seed={number + 1}", *sets)
        kept = kept or runs.floor.read_text()
        summary = document(run, "summary.json")
        floor = summary["runs"][0]["aa_floor"]
        assert (floor is None) == (number == 0), "the first run's floor must be the others'"
        for answer in summary["answers"] if number else ():
            judged += answer["ratio"] is not None
            if answer["verdict"] in ("faster", "slower"):
                false.append(answer["sentence"])
    for sentence in false:
        print(f"  called a difference: {sentence}")
    show("primary metrics judged in A/A runs", judged, AA_RUNS * 10 * 0.9)
    show("of them called faster or slower", len(false), 1, at_least=False)


def longer(runs: Runs) -> None:
    """A service time 10 % longer, against a base, three times."""
    size: dict[str, Any] = {"blocks": 5, "warmup_s": 0.7, "measure_s": 1.6}
    if runs.short:
        size = {"blocks": 2, "warmup_s": 0.3, "measure_s": 0.7}
    slower = first = 0
    for number in range(PLANTED_RUNS):
        pair = []
        for name, wait_ms in (("base", WAIT_MS), ("new", WAIT_MS * 1.1)):
            plan = runs.folder / f"{name}-{number}.toml"
            plan.write_text(PLANTED.format(seed=number + 1, wait_ms=wait_ms, users=USERS, **size))
            pair.append(runs.suite(plan.name))
        force = ["--force"] if runs.short else []
        runs.twins("compare", *(str(run) for run in pair), *force)
        changes = document(pair[1], f"compare-{pair[0].name}.json")["comparison"]["changes"]
        planted = [c for c in changes if c["scenario"] == "process-wait" and c["metric"] == "response_p50"]
        told = [f"{c['server']} {c['verdict']} {c['ratio']:.3f}" for c in planted if c["ratio"]]
        print(f"  run {number + 1}: {'; '.join(told)}; first: {changes[0]['sentence']}")
        slower += all(c["verdict"] == "slower" for c in planted)
        first += changes[0]["scenario"] == "process-wait" and changes[0]["verdict"] == "slower"
    show("runs in which a planted 10 % is slower", slower, 2)
    show("of them in which it stands first", first, 2)


def document(run: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / name).read_text(encoding="utf-8"))
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        runs = Runs(Path(folder), short="--short" in sys.argv[1:])
        same(runs)
        longer(runs)
    end()


if __name__ == "__main__":
    main()
