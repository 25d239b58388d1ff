"""What of this machine helps or spoils a measurement, each finding with what to do."""

import os
import platform
import resource
import shutil
import statistics
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from loadtests.lab import environment
from loadtests.model.records import Finding
from loadtests.subjects.registry import SUBJECT

NOISE_S = 5.0
OPEN_FILES, FREE_BYTES, PORTS = 4096, 2 * 1024**3, 20_000


def examine(results: Path) -> list[Finding]:
    """All findings; takes `NOISE_S` seconds, as it watches the processor that long."""
    machine = environment.machine()
    return [*at_once(machine), *_noise(), _disk(results), _python()]


def at_once(machine: Mapping[str, Any]) -> list[Finding]:
    """The findings that take no time: those that belong to a run, and are recorded with it."""
    return [
        *_processors(),
        _quota(machine["container"].get("cpu.max")),
        _open_files(),
        _ports(machine["sysctls"].get("net/ipv4/ip_local_port_range")),
        _congestion_control(machine["sysctls"].get("net/ipv4/tcp_congestion_control")),
        _governor(machine["governor"]),
        _load(),
    ]


def spin(seconds: float) -> list[float]:
    """Seconds that equal pieces of computing took, one after the other."""
    pieces, end = [], time.perf_counter() + seconds
    while (begun := time.perf_counter()) < end:
        sum(range(20_000))
        pieces.append(time.perf_counter() - begun)
    return pieces


def _processors() -> Iterator[Finding]:
    count = len(environment.cpus())
    if count >= 2:
        yield Finding(name="processors", status="ok", figure=count, text=f"{count} usable")
    else:
        advice = "Server and generator share the one processor: take results as lower bounds."
        yield Finding(name="processors", status="warning", figure=count, text="1 usable", advice=advice)
    if environment.pinning_possible():
        yield Finding(name="pinning", status="ok", figure=None, text="server and generator get their own")
    else:
        advice = "Measure on Linux with two processors or more."
        yield Finding(name="pinning", status="warning", figure=None, text="not possible here", advice=advice)


def _quota(cpu_max: str | None) -> Finding:
    """cgroup v2's `cpu.max`: microseconds that may be used of each period, or `max`."""
    parts = (cpu_max or "").split()
    if len(parts) != 2 or not parts[1].isdigit():
        return Finding(name="quota", status="not available", figure=None, text="the system does not say")
    if not parts[0].isdigit():
        return Finding(name="quota", status="ok", figure=None, text="none on the processors' time")
    share = int(parts[0]) / int(parts[1])
    short = share < len(environment.cpus())
    return Finding(
        name="quota",
        status="warning" if short else "ok",
        figure=share,
        text=f"{share:.3g} processors' time",
        advice="The control group is throttled: what is measured is the quota; lift cpu.max."
        if short
        else "",
    )


def _open_files() -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    best = float("inf") if resource.RLIM_INFINITY in (soft, hard) else float(hard)
    low = best < OPEN_FILES
    return Finding(
        name="open files",
        status="warning" if low else "ok",
        figure=soft,
        text=f"limit {soft}, can be raised to {hard}",
        advice=f"Raise the hard limit to {OPEN_FILES} or keep the users below {hard // 2}." if low else "",
    )


def _ports(span: str | None) -> Finding:
    if span is None:
        return Finding(name="ports", status="not available", figure=None, text="the system does not say")
    low, high = (int(part) for part in span.split())
    few = high - low < PORTS
    return Finding(
        name="ports",
        status="warning" if few else "ok",
        figure=high - low + 1,
        text=f"{low} to {high} for outgoing connections",
        advice="Widen net.ipv4.ip_local_port_range for scenarios that close connections." if few else "",
    )


def _congestion_control(name: str | None) -> Finding:
    """BBR paces by timers, on the loopback too. With it in place of cubic, three servers of one process sent
    1 MiB downloads at 0.68 to 0.85 times the rate, and the rates of one of them spread over 1:1.9.
    """
    if name is None:
        text = "the system does not say"
        return Finding(name="congestion control", status="not available", figure=None, text=text)
    advice = "It slows and scatters large downloads: sysctl -w net.ipv4.tcp_congestion_control=cubic."
    return Finding(
        name="congestion control",
        status="warning" if name.startswith("bbr") else "ok",
        figure=None,
        text=name,
        advice=advice if name.startswith("bbr") else "",
    )


def _governor(governor: str | None) -> Finding:
    if governor is None:
        text = "the system does not say (a virtual machine seldom does)"
        return Finding(name="governor", status="not available", figure=None, text=text)
    good = governor == "performance"
    advice = "" if good else "Set it to performance, e.g. cpupower frequency-set -g performance."
    return Finding(
        name="governor", status="ok" if good else "warning", figure=None, text=governor, advice=advice
    )


def _load() -> Finding:
    load = os.getloadavg()[0]
    busy = load > 0.5 * len(environment.cpus())
    advice = "Something else runs here: end it, or wait." if busy else ""
    return Finding(
        name="load",
        status="warning" if busy else "ok",
        figure=load,
        text=f"{load:.2f} in the last minute",
        advice=advice,
    )


def _noise() -> Iterator[Finding]:
    before = _steal()
    pieces = spin(NOISE_S)
    after = _steal()
    median = statistics.median(pieces)
    spread = statistics.quantiles(pieces, n=100)[98] / median - 1
    yield Finding(
        name="noise floor",
        status="warning" if spread > 0.25 else "ok",
        figure=spread,
        text=f"equal work takes up to {spread:.0%} longer (p99 over median, {NOISE_S:g} s)",
        advice="Differences below that need many blocks; run `twins suite aa`." if spread > 0.25 else "",
    )
    if before is None or after is None:
        yield Finding(name="steal", status="not available", figure=None, text="the system does not say")
        return
    share = (after - before) / os.sysconf("SC_CLK_TCK") / NOISE_S / (os.cpu_count() or 1)
    yield Finding(
        name="steal",
        status="warning" if share > 0.01 else "ok",
        figure=share,
        text=f"{share:.1%} of the processors' time went to other machines",
        advice="The host is shared: measure at another time or elsewhere." if share > 0.01 else "",
    )


def _disk(results: Path) -> Finding:
    place = next(path for path in (results, *results.resolve().parents) if path.is_dir())
    free = shutil.disk_usage(place).free
    low = free < FREE_BYTES
    return Finding(
        name="disk",
        status="failed" if low else "ok",
        figure=free,
        text=f"{free / 1024**3:.1f} GiB free for archives",
        advice="Free 2 GiB, or give another folder by --results." if low else "",
    )


def _python() -> Finding:
    known = environment.versions()
    names = (*SUBJECT.distributions, "locust", "gevent")
    lower = {name.lower(): version for name, version in known.items()}
    text = ", ".join([platform.python_version(), *(f"{name} {lower.get(name, 'missing')}" for name in names)])
    missing = [name for name in names if name not in lower]
    return Finding(
        name="python",
        status="failed" if missing else "ok",
        figure=None,
        text=text,
        advice=f"Install {', '.join(missing)}." if missing else "",
    )


def _steal() -> int | None:
    ticks = environment.noise()["steal_ticks"]
    return ticks if isinstance(ticks, int) else None
