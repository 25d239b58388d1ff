"""What the generator can do on this machine: `python -m loadtests.lab.calibration` measures it.

For each of gevent's backends: the ceiling in requests and bytes per second, the latency floor and the
send lateness, against a server of fixed answers on another core, the best of two rounds, as whatever
else the machine does can only make them worse. Chosen is the first backend, in the order in which they
scale with connections, that comes near the best. This module imports neither gevent nor Locust.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np

from loadtests.lab.environment import cpus, machine, machine_id
from loadtests.model.children import NEUTRAL, own_command
from loadtests.model.inherited import inherited
from loadtests.model.paths import cache_directory
from loadtests.model.samples import MEASURE, OK, Samples, read_samples
from loadtests.subjects.own.scenarios import SCENARIOS

ANY_PATH = SCENARIOS["get"]
LOCUSTFILE = Path(__file__).parent.parent / "locustfile.py"
SECONDS = 1.0
WARMUP_S = 0.3
ROUNDS = 2
RATE_PER_S = 2_000
USERS = 32
LARGE_BYTES = 2**20
NEAR_THE_BEST = 0.85
PREFERRED = ("epoll", "kqueue", "linux_iouring", "linux_aio", "poll", "select")


class CalibrationError(Exception):
    """Calibrating failed; `str()` is the sentence that says why."""


def path() -> Path:
    """Where the calibration is kept."""
    return cache_directory() / "calibration.json"


def load_calibration() -> dict[str, Any] | None:
    """The calibration of this machine, or None where there is none or it was another machine's."""
    try:
        document = cast(dict[str, Any], json.loads(path().read_text(encoding="utf-8")))
        return document if document["machine_id"] == machine_id(machine()) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def calibrate() -> dict[str, Any]:
    """Measure all backends, choose one, store and return the document; raises CalibrationError."""
    rounds: dict[str, list[dict[str, Any]]] = {backend: [] for backend in _backends()}
    failed: dict[str, str] = {}
    for number in range(1, ROUNDS + 1):
        for backend in [name for name in rounds if name not in failed]:
            print(f"Calibrating gevent's {backend}, round {number} of {ROUNDS} ...", file=sys.stderr)
            try:
                rounds[backend].append(_measure(backend))
            except CalibrationError as error:
                # seen: a backend that the kernel offers and libev then aborts on
                failed[backend] = str(error)
    figures = {name: _best(taken) for name, taken in rounds.items() if name not in failed}
    if not figures:
        raise CalibrationError(f"no backend of gevent could be calibrated: {failed}")
    chosen = choose(figures)
    document = {
        "machine_id": machine_id(machine()),
        "loop": chosen,
        **figures[chosen],
        "when_unix_s": time.time(),
        "backends": figures,
        "failed_backends": failed,
    }
    _store(document)
    return document


def _best(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    fastest = max(rounds, key=lambda figure: float(figure["ceiling_requests_per_s"]))
    return {
        "ceiling_requests_per_s": fastest["ceiling_requests_per_s"],
        "ceiling_bytes_per_s": max(figure["ceiling_bytes_per_s"] for figure in rounds),
        "ceiling_cpu_share": fastest["ceiling_cpu_share"],
        "latency_floor_us": min(figure["latency_floor_us"] for figure in rounds),
        "send_lateness_us": min(
            (figure["send_lateness_us"] for figure in rounds), key=lambda late: float(late["p99"])
        ),
    }


def choose(figures: dict[str, dict[str, Any]]) -> str:
    """The preferred backend of those near the best ceiling and floor, else the one with the best ceiling."""
    most = max(figure["ceiling_requests_per_s"] for figure in figures.values())
    least = min(figure["latency_floor_us"] for figure in figures.values())
    near = [
        name
        for name, figure in figures.items()
        if figure["ceiling_requests_per_s"] >= NEAR_THE_BEST * most
        and figure["latency_floor_us"] * NEAR_THE_BEST <= least
    ]
    if not near:
        return max(figures, key=lambda name: float(figures[name]["ceiling_requests_per_s"]))
    return min(near, key=lambda name: PREFERRED.index(name) if name in PREFERRED else len(PREFERRED))


def _backends() -> list[str]:
    code = (
        "import json; from gevent.libev import corecext as c; from gevent.hub import Hub\n"
        "found = []\n"
        "for name in c.supported_backends():\n"
        "    try: c.loop(flags=name, default=False).destroy()\n"
        "    except Exception: continue\n"
        "    found.append(name)\n"
        "print(json.dumps(found))"
    )
    told = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False)  # noqa: S603 - our own code
    if told.returncode:
        raise CalibrationError(f"gevent's backends cannot be listed: {told.stderr.strip()[-200:]}")
    return cast(list[str], json.loads(told.stdout))


def _measure(backend: str) -> dict[str, Any]:
    with _server(13) as port:
        many, cpu = _run(backend, port, "--users", str(USERS))
        single, _ = _run(backend, port, "--users", "1")
        timed, _ = _run(backend, port, "--users", "1", "--twins-rate", str(RATE_PER_S))
    with _server(LARGE_BYTES) as port:
        large, _ = _run(backend, port, "--users", str(USERS // 4))
    late = timed["sent_us"]
    return {
        "ceiling_requests_per_s": round(len(many) / SECONDS, 1),
        "ceiling_bytes_per_s": round(float(large["received_bytes"].sum()) / SECONDS),
        "ceiling_cpu_share": cpu,
        "latency_floor_us": round(float(np.median(single["last_byte_us"] - single["sent_us"])), 1),
        "send_lateness_us": {"p50": float(np.percentile(late, 50)), "p99": float(np.percentile(late, 99))},
    }


def _run(backend: str, port: int, *arguments: str) -> tuple[Samples, float | None]:
    """The successes of one short measurement, and the generator's CPU share."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *own_command(
                "locust", "-f", str(LOCUSTFILE), ANY_PATH.user_class, "--headless", "--only-summary"
            ),
            *("--host", f"http://127.0.0.1:{port}", "--spawn-rate", str(USERS), "--twins-out", folder),
            *("--twins-warmup", str(WARMUP_S), "--twins-duration", str(SECONDS), "--twins-drain", "2"),
            *arguments,
        ]
        environment = {**inherited(), "GEVENT_BACKEND": backend, "HOME": folder}
        told = subprocess.run(  # noqa: S603 - our own command
            command,
            env=environment,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=_pin(-1),
        )
        document = Path(folder) / "generator.json"
        if told.returncode or not document.is_file():
            raise CalibrationError(f"the generator failed with {backend}: {told.stderr.strip()[-300:]}")
        samples = np.array(read_samples(Path(folder) / "samples.bin"))
        good = samples[(samples["kind"] == OK) & (samples["phase"] == MEASURE)]
        if not len(good):
            raise CalibrationError(f"the generator measured nothing with {backend}.")
        return good, json.loads(document.read_text(encoding="utf-8"))["cpu_measure_share"]


@contextmanager
def _server(body_bytes: int) -> Iterator[int]:
    server = subprocess.Popen(  # noqa: S603 - our own command
        own_command("loadtests.lab.fixed_server", str(body_bytes)),
        cwd=NEUTRAL,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=inherited(),
        preexec_fn=_pin(0),
    )
    try:
        assert server.stdin is not None and server.stdout is not None  # noqa: S101, PT018 - asked for above
        line = server.stdout.readline()
        if not line:
            raise CalibrationError("the server of fixed answers did not start.")
        yield int(line)
        server.stdin.close()
    finally:
        if server.poll() is None:
            server.terminate()
        server.wait()


def _pin(position: int) -> Any:
    """Server and generator on processors of their own, where there are two and the system lets us."""
    available = cpus()
    if len(available) < 2 or not hasattr(os, "sched_setaffinity"):
        return None
    return lambda: os.sched_setaffinity(0, {available[position]})


def _store(document: dict[str, Any]) -> None:
    target = path()
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    with open(unfinished, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, target)


def main() -> int:
    parser = argparse.ArgumentParser(prog="twins calibrate", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the document and nothing else")
    arguments = parser.parse_args()
    try:
        document = calibrate()
    except CalibrationError as error:
        print(error, file=sys.stderr)
        return 3
    if arguments.json:
        print(json.dumps(document, indent=1))
        return 0
    for name, figures in document["backends"].items():
        late = figures["send_lateness_us"]
        rate, gigabytes = figures["ceiling_requests_per_s"], figures["ceiling_bytes_per_s"] / 1e9
        print(
            f"{'*' if name == document['loop'] else ' '} {name:<14} {rate:>9,.0f}/s {gigabytes:>6.2f} GB/s  "
            f"floor {figures['latency_floor_us']:>4.0f} us  "
            f"lateness p50 {late['p50']:.0f} us, p99 {late['p99']:.0f} us"
        )
    print(f"Chosen: {document['loop']}, kept in {path()}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
