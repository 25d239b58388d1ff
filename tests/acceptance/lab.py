"""The laboratory's acceptance figures: `python tests/acceptance/lab.py [LINE…] [--heavy]`.

Prints one line per figure, and `PASS` or `FAIL` where there is a limit. Without `--heavy` the long runs
are made shorter by `--set`. Measures in a temporary folder and holds the machine's measuring lock.
"""

import argparse
import json
import math
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

from loadtests import archive
from loadtests.analysis.metrics import METRICS
from loadtests.analysis.ratios import t_interval
from loadtests.analysis.summary import build

ROOT = Path(__file__).parent.parent.parent
PLANTED = [sys.executable, str(ROOT / "tests" / "lab" / "planted.py")]


class Bench:
    """A folder to run in; `passed` is whether every limit held so far."""

    def __init__(self, folder: Path, heavy: bool) -> None:
        self.folder, self.heavy, self.passed = folder, heavy, True
        self.environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "LC_MARK": str(folder)}

    def twins(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603  our own command
            [sys.executable, "-m", "loadtests.cli", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def suite(self, *arguments: str) -> tuple[int, Path, dict[str, Any]]:
        """Run a suite; its exit code, directory and JSON document."""
        done = self.twins("suite", *arguments, "--json")
        if done.returncode not in (0, 3):
            raise SystemExit(done.stderr)
        document = json.loads(done.stdout)
        return done.returncode, self.folder / document["directory"], document

    def plan(self, name: str, text: str) -> str:
        (self.folder / name).write_text("# A plan of the acceptance.\n" + text, encoding="utf-8")
        return name

    def say(self, line: int, text: str, good: bool | None = None) -> None:
        self.passed &= good is not False
        print(f"line {line}: {'' if good is None else 'PASS ' if good else 'FAIL '}{text}", flush=True)

    def alive(self) -> list[str]:
        """Processes started from this folder that still live, this one left out."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if str(self.folder).encode() in (path / "environ").read_bytes():
                    found.append((path / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
        return found


def own(mode: str, number: float = 0) -> str:
    return json.dumps([*PLANTED, mode, "{port}", "{files}", str(number)])


def planned_time(bench: Bench) -> None:
    """The dry run's time and the real run's."""
    sets = (
        () if bench.heavy else ("--set", "blocks=1", "--set", "time.measure_s=3", "--set", "time.warmup_s=1")
    )
    told = bench.twins("suite", "standard", "--dry-run", *sets).stdout
    seconds = float(re.findall(r"\((\d+) s\)", told)[0])
    begun = time.monotonic()
    _, run, _ = bench.suite("standard", *sets)
    whole = time.monotonic() - begun
    manifest = archive.read_manifest(run)
    assert manifest.finished_unix_s is not None
    cells = manifest.finished_unix_s - manifest.created_unix_s
    off = whole / seconds - 1
    text = f"planned {seconds:.0f} s, the cells took {cells:.0f} s, with report {whole:.0f} s ({off:+.1%})"
    bench.say(1, text + ("" if bench.heavy else " [shortened]"), abs(off) <= 0.15)


def killed_and_resumed(bench: Bench) -> None:
    """SIGKILL at random moments, each time resumed."""
    text = (
        "[time]\nwarmup_s = 0.2\nmeasure_s = 0.8\ndrain_s = 1\n[load]\nusers = [1, 4]\n"
        "[servers.wsgi-sync]\n[servers.asgi-uvicorn]\n[scenarios.download-small]\n[scenarios.process-wait]\n"
    )
    plan, kills = bench.plan("killed.toml", text), 20 if bench.heavy else 5
    blocks = ("--set", f"blocks={6 if bench.heavy else 2}")
    _, whole, _ = bench.suite(plan, *blocks)
    arguments, chance, strays, run = ["suite", plan, *blocks], random.Random(4), 0, None  # noqa: S311  not a secret
    known = set((bench.folder / "results").iterdir())
    for _ in range(kills):
        suite = subprocess.Popen(  # noqa: S603  our own command
            [sys.executable, "-m", "loadtests.cli", *arguments],
            cwd=bench.folder,
            env=bench.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(chance.uniform(1.2, 9.0))
        suite.send_signal(signal.SIGKILL)
        suite.wait()
        time.sleep(0.3)
        strays += len(bench.alive())
        new = set((bench.folder / "results").iterdir()) - known
        if new:
            (run,) = new
            arguments = ["suite", "--resume", str(run)]
    bench.say(2, f"{strays} processes left behind by {kills} kills", strays == 0)
    done = bench.twins(*arguments)
    assert run is not None
    ids, expected = ([cell.id for cell in archive.read_cells(path)] for path in (run, whole))
    bench.say(2, f"resumed to exit code {done.returncode}", done.returncode == 0)
    bench.say(
        2, f"{len(ids)} cells, {len(set(ids))} different, uninterrupted {len(expected)}", ids == expected
    )
    columns = [
        duckdb.execute(f"describe from '{path}/{table}.parquet'").fetchall()
        for path in (run, whole)
        for table in ("requests", "timeseries")
    ]
    same = columns[:2] == columns[2:] and _shape(run) == _shape(whole)
    bench.say(2, "tables and summary have the same columns, servers, repeats", same)
    bench.say(2, f"{len(list(run.rglob('.*')))} half-written files", not list(run.rglob(".*")))


def _shape(run: Path) -> tuple[set[str], set[str]]:
    summary = json.loads((run / "summary.json").read_text())
    return set(summary), set(summary["cells"])


def broken_servers(bench: Bench) -> None:
    """Each fault has a cell with its own reason."""
    modes = ["dies-at-start", "never-healthy", "dies", "wrong-bytes", "good"]
    servers = "".join(f"[servers.{mode}]\ncommand = {own(mode, 300)}\n" for mode in modes)
    servers += f'[servers.other-class]\ncommand = {own("good")}\nexpect = {{ worker_class = "sync" }}\n'
    text = "blocks = 1\n[time]\nwarmup_s = 0.2\nmeasure_s = 1\nstart_s = 2\n[load]\nusers = [4]\n"
    code, run, _ = bench.suite(bench.plan("broken.toml", text + servers + "[scenarios.download-small]\n"))
    cells = archive.read_cells(run)
    for cell in cells:
        first = (cell.reason or "").splitlines()[0] if cell.reason else ""
        bench.say(
            3,
            f"{cell.server}: {cell.state} {first[:140]}",
            (cell.state == "invalid") != (cell.server == "good"),
        )
    reasons = {cell.reason for cell in cells if cell.state == "invalid"}
    bench.say(3, f"{len(reasons)} different reasons, exit code {code}", (len(reasons), code) == (5, 3))


def noise_floor(bench: Bench) -> None:
    """A server against itself."""
    sets = (
        ()
        if bench.heavy
        else ("--set", "blocks=4", "--set", "time.measure_s=1.5", "--set", "time.warmup_s=0.5")
    )
    before = set((bench.folder / "results").glob("*"))
    done = bench.twins("suite", "aa", *sets)
    (run,) = (path for path in (bench.folder / "results").glob("*-aa*") if path not in before)
    blocks, deviations = _spreads(run)
    for metric, deviation in deviations.items():
        bench.say(4, f"standard deviation of the blocks' log-ratios of {metric}: {deviation:.4f}")
    bench.say(4, f"{blocks} blocks", blocks == (12 if bench.heavy else 4))
    for line in done.stderr.splitlines():
        if "noise floor of" in line:
            bench.say(4, line)
    floors = done.stderr.count("noise floor of")
    bench.say(4, f"{floors} floors, exit code {done.returncode}", floors >= 4 and done.returncode == 0)


def _spreads(run: Path) -> tuple[int, dict[str, float]]:
    """Fewest blocks of the comparisons, and the largest standard deviation of log-ratios by metric."""
    summary, found, blocks = build([run]), dict[str, float](), []
    for answer in summary.answers:
        metric = METRICS[answer.metric]
        sides: list[dict[int, float]] = []
        for server in (answer.server, answer.baseline):
            cells = (
                c
                for c in summary.cells.values()
                if (c.server, c.scenario, c.level) == (server, answer.scenario, answer.level)
            )
            sides.append({c.block: value for c in cells if (value := metric.pick(c))})
        logs = [math.log(sides[0][block] / sides[1][block]) for block in sides[0].keys() & sides[1].keys()]
        blocks.append(len(logs))
        if len(logs) > 1:
            found[metric.name] = max(found.get(metric.name, 0.0), statistics.stdev(logs))
    return min(blocks, default=0), found


def planted_capacity(bench: Bench) -> None:
    """A server that admits exactly R requests per second."""
    capacity = 300.0
    text = (
        "blocks = 3\n[time]\nwarmup_s = 1\nmeasure_s = 4\ndrain_s = 2\n"
        '[load]\nlevel = "search"\narrivals = "constant"\nsearch = { p99_ms = 50, start = 50 }\n'
        f"[servers.planted]\ncommand = {own('capacity', capacity)}\n[scenarios.download-small]\n"
    )
    _, run, _ = bench.suite(
        bench.plan("capacity.toml", text), *(() if bench.heavy else ("--set", "blocks=1"))
    )
    searches = archive.read_searches(run)
    bench.say(5, f"{len(searches)} searches", len(searches) == (3 if bench.heavy else 1))
    for search in searches:
        good = search.low is not None and abs(search.low / capacity - 1) <= 0.05
        steps = ", ".join(f"{step.level.value:.0f}{'+' if step.met else '-'}" for step in search.steps)
        bench.say(5, f"planted {capacity:.0f}/s, found {search.low} to {search.high} ({steps})", good)


def one_glob(bench: Bench) -> None:
    """Two runs, one query."""
    text = (
        "blocks = 2\n[time]\nwarmup_s = 0.2\nmeasure_s = 1\n[load]\nusers = [4]\n"
        "[servers.wsgi-gthread]\n[servers.asgi-uvicorn]\n[scenarios.download-small]\n"
    )
    plan = bench.plan("glob.toml", text)
    runs = [bench.suite(plan)[1] for _ in range(2)]
    names = ", ".join(f"'{run.name}'" for run in runs)
    rows = duckdb.execute(
        f"select run, cell, count(*) from '{bench.folder}/results/*/requests.parquet' "  # noqa: S608  our own paths
        f"where phase = 'measure' and run in ({names}) group by all"
    ).fetchall()
    wanted = {
        (run.name, cell): figures["requests"]
        for run in runs
        for cell, figures in json.loads((run / "summary.json").read_text())["cells"].items()
    }
    found = {(run, cell): count for run, cell, count in rows}
    bench.say(
        6, f"{len(found)} cells of two runs, {sum(found.values())} requests in one glob", found == wanted
    )


def cost_of_probes(bench: Bench) -> None:
    """Pairs of blocks with and without probes."""
    pairs = 10 if bench.heavy else 4
    text = (
        "blocks = 1\n[time]\nwarmup_s = 1\nmeasure_s = 4\n[load]\nusers = [32]\n"
        "[servers.wsgi-gthread]\n[scenarios.download-small]\n"
    )
    plan, logs, costs = bench.plan("probes.toml", text), [], []
    for number in range(pairs):
        order = ("true", "false") if number % 2 else ("false", "true")
        rates: dict[str, float] = {}
        for probes in order:
            _, run, _ = bench.suite(plan, "--set", f"probes={probes}")
            (cell,) = json.loads((run / "summary.json").read_text())["cells"].values()
            rates[probes] = cell["throughput_per_s"]
            (record,) = archive.read_cells(run)
            if record.probe_cpu_s and record.generator:
                costs.append(record.probe_cpu_s / (record.generator.end_us / 1e6))
        logs.append(math.log(rates["true"] / rates["false"]))
    interval = t_interval(logs)
    spread = statistics.stdev(logs)
    bench.say(7, f"probes take {statistics.mean(costs):.2%} of one core", bool(costs))
    bench.say(
        7,
        f"throughput with over without: {interval.ratio:.4f} ({interval.low:.4f} to {interval.high:.4f}), "
        f"spread of the pairs {spread:.4f}",
        abs(math.log(interval.ratio)) <= spread,
    )


LINES: dict[int, Callable[[Bench], None]] = {
    1: planned_time,
    2: killed_and_resumed,
    3: broken_servers,
    4: noise_floor,
    5: planted_capacity,
    6: one_glob,
    7: cost_of_probes,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "lines", nargs="*", type=int, choices=LINES, metavar="LINE", help="of 1 to 7; all by default"
    )
    parser.add_argument(
        "--heavy", action="store_true", help="the long runs in full (about an hour and a half)"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), asked.heavy)
        for line in asked.lines or LINES:
            LINES[line](bench)
    return 0 if bench.passed else 1


if __name__ == "__main__":
    sys.exit(main())
