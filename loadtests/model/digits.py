"""A measured figure as text: three significant digits, everywhere. Counts and settings are exact."""

import math

SIGNIFICANT = 3
SMALLEST_PLAIN, LARGEST_PLAIN = 1e-4, 1e12
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
MINUS = "\N{MINUS SIGN}"


def rounded(value: float) -> float:
    """`value` with three significant digits."""
    if value == 0 or not math.isfinite(value):
        return value
    return round(value, SIGNIFICANT - 1 - math.floor(math.log10(abs(value))))


def digits(value: float) -> str:
    """`12,300`, `49.4`, `0.0681`, `8.58·10⁻⁵`; a minus sign before what is below 0."""
    short = rounded(value)
    sign, size = (MINUS if short < 0 else ""), abs(short)
    if size == 0:
        return "0"
    power = math.floor(math.log10(size))
    if not SMALLEST_PLAIN <= size < LARGEST_PLAIN:
        mantissa, _, exponent = f"{size:.{SIGNIFICANT - 1}e}".partition("e")
        return f"{sign}{mantissa}·10{str(int(exponent)).translate(SUPERSCRIPT)}"
    return f"{sign}{size:,.{max(0, SIGNIFICANT - 1 - power)}f}"
