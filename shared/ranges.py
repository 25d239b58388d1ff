"""Byte ranges: the Range header read (RFC 9110 section 14.1.2), satisfied and coalesced."""

from dataclasses import dataclass

from shared.settings import MAX_RANGES

DIGITS = frozenset("0123456789")
MAX_RANGE_DIGITS = 18


@dataclass(frozen=True)
class ByteRange:
    """`length` bytes from `start`, both within the file."""

    start: int
    length: int

    @property
    def end(self) -> int:
        return self.start + self.length


Spec = tuple[int | None, int | None]


def parse_ranges(value: str) -> list[Spec] | None:
    """The members of a bytes Range header as (first, last), (first, None) or (None, suffix length).

    None where the header is ignored: another unit, more than 64 members, a last position before its first,
    or a member that cannot be read beside others that can. Empty where none can be read: no range is asked
    for that could be satisfied (section 14.2 lets a server reject such a header, and nginx does).
    """
    unit, equals, members = value.partition("=")
    if not equals or unit.strip(" \t").lower() != "bytes" or members.count(",") >= 2 * MAX_RANGES:
        return None
    specs: list[Spec] = []
    unreadable = False
    for member in members.split(","):
        text = member.strip(" \t")
        if not text:  # empty list members are to be accepted (RFC 9110 section 5.6.1.2)
            continue
        first, dash, last = text.partition("-")
        if not dash or not (first or last) or not (_number(first) and _number(last)):
            unreadable = True
            continue
        start, stop = _value(first), _value(last)
        if start is not None and stop is not None and stop < start:
            return None
        specs.append((start, stop))
    return None if len(specs) > MAX_RANGES or (unreadable and specs) else specs


def satisfy(specs: list[Spec], size: int) -> list[ByteRange] | None:
    """The satisfiable members within `size` bytes, in the order asked for; overlapping ones coalesced.

    Members that touch or overlap become one, at the place of the earliest asked for
    (RFC 9110 section 15.3.7.2). None where several members name more bytes than the file has: nobody needs
    that, and the whole file is the answer (section 14.2). O(n log n).
    """
    satisfiable: list[tuple[int, int, int]] = []
    for order, (first, last) in enumerate(specs):
        if first is None:
            start, end = max(0, size - (last or 0)), size
        else:
            start, end = first, size if last is None else min(last + 1, size)
        if start < end:
            satisfiable.append((start, end, order))
    if len(satisfiable) > 1 and sum(end - start for start, end, _ in satisfiable) > size:
        return None
    merged: list[list[int]] = []
    for start, end, order in sorted(satisfiable):
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
            merged[-1][2] = min(merged[-1][2], order)
        else:
            merged.append([start, end, order])
    merged.sort(key=lambda item: item[2])
    return [ByteRange(start, end - start) for start, end, _ in merged]


def _number(text: str) -> bool:
    return not text or DIGITS.issuperset(text)


def _value(text: str) -> int | None:
    if not text:
        return None
    return int(text) if len(text) <= MAX_RANGE_DIGITS else 10**MAX_RANGE_DIGITS
