"""Numbers as text: one format a unit, the same on the page, in Markdown and in charts."""

from typing import Literal

from loadtests.analysis.metrics import Unit

ReadUnit = Unit | Literal["times", "s", "plain", "percent"]
NONE = "\N{EN DASH}"
_BYTES = ("B", "KiB", "MiB", "GiB", "TiB")


def figure(value: float | None, unit: ReadUnit) -> str:
    """`12,345/s`, `49.4 ms`, `1.62` with the multiplication sign, `0.31 cores`; a dash for None."""
    if value is None:
        return NONE
    match unit:
        case "times":
            return f"{_digits(value)}\N{MULTIPLICATION SIGN}"
        case "per_s":
            return f"{_digits(value)}/s"
        case "us":
            return _time(value)
        case "ms":
            return f"{_digits(value)} ms"
        case "s":
            return f"{_digits(value)} s"
        case "bytes":
            return _bytes(value)
        case "bytes_per_s":
            return f"{_bytes(value)}/s"
        case "share" | "percent":
            return f"{value * 100:.2f}".rstrip("0").rstrip(".") + " %"
        case "cores":
            return f"{value:.2f} cores"
        case "count":
            return f"{round(value):,}"
        case "plain":
            return f"{value:.4g}"


def _digits(value: float) -> str:
    """Three significant digits, whole numbers from 100 on."""
    if abs(value) >= 100 or value == 0:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3g}"


def _time(us: float) -> str:
    if us < 1_000:
        return f"{us:.0f} µs"
    return f"{_digits(us / 1e3)} ms" if us < 1e6 else f"{_digits(us / 1e6)} s"


def _bytes(value: float) -> str:
    power = 0
    while abs(value) >= 1024 and power < len(_BYTES) - 1:
        value /= 1024
        power += 1
    return f"{_digits(value) if power else f'{value:.0f}'} {_BYTES[power]}"
