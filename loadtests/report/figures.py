"""Numbers as text: one format a unit, the same on the page, in Markdown and in charts."""

from typing import Literal

from loadtests.analysis.metrics import Unit
from loadtests.analysis.wording import percent
from loadtests.model.digits import digits, rounded

ReadUnit = Unit | Literal["times", "s", "plain", "percent"]
NONE = "\N{EN DASH}"
_BYTES = ("B", "KiB", "MiB", "GiB", "TiB")


def figure(value: float | None, unit: ReadUnit) -> str:
    """`12,300/s`, `49.4 ms`, `1.62` with the multiplication sign, `0.310 cores`; a dash for None.

    Three significant digits of what was measured; counts and settings (`percent`) are exact.
    """
    if value is None:
        return NONE
    match unit:
        case "times":
            return f"{digits(value)}\N{MULTIPLICATION SIGN}"
        case "per_s":
            return f"{digits(value)}/s"
        case "us":
            return _time(value)
        case "ms":
            return _time(value * 1e3)
        case "s":
            return f"{digits(value)} s"
        case "bytes":
            return _bytes(value)
        case "bytes_per_s":
            return f"{_bytes(value)}/s"
        case "share":
            return percent(value).replace("\N{NO-BREAK SPACE}", " ")
        case "percent":
            return f"{value * 100:.2f}".rstrip("0").rstrip(".") + " %"
        case "cores":
            return f"{digits(value)} cores"
        case "count":
            return f"{round(value):,}"
        case "plain":
            return digits(value)


def setting(value: float, unit: ReadUnit) -> str:
    """A limit that somebody set: exact, where three digits are not."""
    return figure(value, unit) if rounded(value) == value else f"{value:,} {unit.replace('_', '/')}"


def _time(us: float) -> str:
    if abs(us) < 999.5:
        return f"{digits(us)} µs"
    return f"{digits(us / 1e3)} ms" if abs(us) < 999_500 else f"{digits(us / 1e6)} s"


def _bytes(value: float) -> str:
    power = 0
    while abs(value) >= 1000 and power < len(_BYTES) - 1:
        value /= 1024
        power += 1
    return f"{digits(value) if power else f'{value:.0f}'} {_BYTES[power]}"
