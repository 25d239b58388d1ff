"""Where and with what a run is made: machine, limits, versions, code, and how quiet the machine was."""

import hashlib
import json
import os
import platform
import resource
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
CPU = Path("/sys/devices/system/cpu")
SYSCTLS = (
    "net/core/somaxconn",
    "net/ipv4/tcp_max_syn_backlog",
    "net/ipv4/ip_local_port_range",
    "net/ipv4/tcp_tw_reuse",
    "net/ipv4/tcp_fin_timeout",
    "net/ipv4/tcp_rmem",
    "net/ipv4/tcp_wmem",
    "net/ipv4/tcp_congestion_control",
    "vm/swappiness",
    "vm/overcommit_memory",
    "kernel/sched_schedstats",
    "kernel/perf_event_paranoid",
)
# What may differ between two runs that are still pooled stays out of the machine's identity.
PASSING = ("ulimits",)


def cpus() -> list[int]:
    """Processors this process may use; all of them where the system does not say."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def pinning_possible() -> bool:
    return hasattr(os, "sched_setaffinity") and len(cpus()) >= 2


def machine() -> dict[str, Any]:
    """What the machine is; None stands for what it does not tell."""
    information = _cpu_information()
    return {
        "system": platform.system(),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "cpu_model": information.get("model name"),
        "cpu_mhz": information.get("cpu MHz"),
        "cpu_count": os.cpu_count(),
        "cpus": cpus(),
        "governor": _text(CPU / "cpu0/cpufreq/scaling_governor"),
        "turbo_off": _text(CPU / "intel_pstate/no_turbo"),
        "smt": _text(CPU / "smt/control"),
        "mitigations": {
            path.name: _text(path) for path in sorted((CPU / "vulnerabilities").glob("*")) if path.is_file()
        },
        "memory_bytes": _memory_bytes(),
        "container": _container_limits(),
        "ulimits": {
            name: resource.getrlimit(getattr(resource, f"RLIMIT_{name.upper()}"))
            for name in ("nofile", "nproc", "memlock", "as")
            if hasattr(resource, f"RLIMIT_{name.upper()}")
        },
        "sysctls": {name: _text(Path("/proc/sys") / name) for name in SYSCTLS},
        "clocksource": _text(Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")),
        "hypervisor": "hypervisor" in (information.get("flags") or "").split(),
        "python_build": {
            "version": sys.version,
            "compiler": platform.python_compiler(),
            "flags": sysconfig.get_config_var("CONFIG_ARGS"),
            "gil": getattr(sys, "_is_gil_enabled", lambda: True)(),
        },
    }


def versions() -> dict[str, str]:
    """Python and every installed distribution."""
    installed = {package.name: package.version for package in distributions() if package.name}
    return {"python": platform.python_version(), **dict(sorted(installed.items()))}


def machine_id(document: Mapping[str, Any]) -> str:
    """Hash of what must agree for two runs to be pooled."""
    return digest({key: value for key, value in document.items() if key not in (*PASSING, "cpu_mhz")})


def code_id(code: Sequence[str]) -> str:
    """Which program measures and is measured, `code` being the subject's folders.

    The git commit, `+dirty` and a hash of the changes where there are any; else the package's version.
    """
    commit = _git("rev-parse", "HEAD") if (ROOT / "pyproject.toml").is_file() else None
    if commit is None:
        return f"version {dict(versions()).get('wsgi-asgi-twins', 'unknown')}"
    folders = (*code, "loadtests")
    changes = (_git("diff", "HEAD", "--", *folders) or "") + (
        _git("status", "--porcelain", "--", *folders) or ""
    )
    return commit if not changes else f"{commit}+dirty.{digest(changes)[:8]}"


def noise() -> dict[str, Any]:
    """How busy the machine is right now: load averages, steal, pressure stall information, free memory."""
    cpu_line = (_text(Path("/proc/stat")) or "").partition("\n")[0].split()
    pressure = {
        name: (_text(Path("/proc/pressure") / name) or "").partition("\n")[0] or None
        for name in ("cpu", "io", "memory")
    }
    return {
        "load_average": list(os.getloadavg()),
        "steal_ticks": int(cpu_line[8]) if len(cpu_line) > 8 else None,
        "pressure": pressure,
    }


def digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _text(path: Path) -> str | None:
    with suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace").strip() or None
    return None


def _cpu_information() -> dict[str, str]:
    lines = (_text(Path("/proc/cpuinfo")) or "").partition("\n\n")[0].splitlines()
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _memory_bytes() -> int | None:
    with suppress(ValueError, OSError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _container_limits() -> dict[str, str | None]:
    group = (_text(Path("/proc/self/cgroup")) or "").rpartition("::")[2].strip("/")
    place = Path("/sys/fs/cgroup") / group
    return {
        name: _text(place / name) for name in ("cpu.max", "memory.max", "pids.max", "cpuset.cpus.effective")
    }


def _git(*arguments: str) -> str | None:
    with suppress(OSError, subprocess.SubprocessError):
        command = ["git", "--no-optional-locks", "-C", str(ROOT), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)  # noqa: S603  fixed words
        if done.returncode == 0:
            return done.stdout.strip()
    return None
