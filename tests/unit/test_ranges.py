"""Range headers read and satisfied, against a slow and obvious model."""

import time

from hypothesis import given
from hypothesis import strategies as st

from shared.ranges import ByteRange, parse_ranges, satisfy

specs = st.lists(
    st.one_of(
        st.tuples(st.integers(0, 60), st.none()),
        st.tuples(st.none(), st.integers(0, 60)),
        st.integers(0, 60).flatmap(lambda first: st.tuples(st.just(first), st.integers(first, 70))),
    ),
    min_size=1,
    max_size=10,
)


def covered(spec: tuple[int | None, int | None], size: int) -> set[int]:
    first, last = spec
    if first is None:
        return set(range(max(0, size - (last or 0)), size))
    return set(range(first, size if last is None else min(size, last + 1)))


@given(specs, st.integers(0, 50))
def test_the_bytes_asked_for_and_no_others_come_once(
    asked: list[tuple[int | None, int | None]], size: int
) -> None:
    named = [covered(spec, size) for spec in asked]
    wanted = set().union(*named)
    found = satisfy(asked, size)
    if found is None:
        assert sum(map(len, named)) > size
        return
    sent = [position for part in found for position in range(part.start, part.end)]
    assert len(sent) == len(set(sent))
    assert set(sent) == wanted


@given(specs)
def test_what_is_written_is_read_back(asked: list[tuple[int | None, int | None]]) -> None:
    text = ",".join(f"{'' if a is None else a}-{'' if b is None else b}" for a, b in asked)
    assert parse_ranges(f"bytes={text}") == asked


def test_what_cannot_be_read_asks_for_nothing_and_spoils_what_can() -> None:
    for members in ("alpha", "10-alpha", "10", "10-11 12-", "", ",,", "-", "--1", "1-2-3"):
        assert parse_ranges(f"bytes={members}") == []
    for members in ("0-0,x", "x,0-0", "5-3", "5-3,x", "0-1,5-3"):
        assert parse_ranges(f"bytes={members}") is None


@given(st.text(max_size=40))
def test_any_text_is_read_or_ignored(text: str) -> None:
    for value in (text, f"bytes={text}"):
        found = parse_ranges(value)
        assert found is None or len(found) <= 64


def test_order_and_coalescing() -> None:
    assert satisfy([(10, 12), (0, 1), (11, 20)], 100) == [ByteRange(10, 11), ByteRange(0, 2)]
    assert satisfy([(0, 1), (2, 3)], 100) == [ByteRange(0, 4)]
    assert satisfy([(0, 9), (2, 3)], 100) == [ByteRange(0, 10)]
    assert satisfy([(None, 0)], 100) == []
    assert satisfy([(0, 98), (0, 0)], 100) == [ByteRange(0, 99)]
    assert satisfy([(0, 98), (0, 1)], 100) is None
    assert satisfy([(0, 200)], 100) == [ByteRange(0, 100)]


def test_a_million_members_are_refused_at_once() -> None:
    start = time.monotonic()
    assert parse_ranges("bytes=" + ",".join(["0-0"] * 1_000_000)) is None
    assert parse_ranges("bytes=" + "," * 1_000_000) is None
    assert time.monotonic() - start < 5
