"""Readers in a simulated time: a steady one is never given up, one that stopped is, within what is stated."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from shared.progress import (
    LINGER_BYTES,
    LINGER_LONGEST_S,
    LINGER_SILENT_S,
    LONGEST,
    LOOKS,
    SLOWEST_BYTES_S,
    UNREAD_BYTES,
    Lingering,
    Taking,
    read_tcp_info,
)
from shared.refusals import has_more_than_is_sent_at_once

TIMEOUT_S = 20.0
INTERVAL_S = TIMEOUT_S / LOOKS


def given_up_after(taking: Taking, taken: int, since_s: float) -> float:
    """Seconds from `since_s` on until somebody who takes nothing more is given up."""
    now_s = since_s
    while not taking.stalled(taken, True, now_s):
        now_s += INTERVAL_S
    return now_s - since_s


@given(st.integers(UNREAD_BYTES, 2 * 1024 * 1024), st.integers(10 * 1024, 100 * 1024), st.floats(0.05, 1.0))
def test_a_steady_reader_with_any_buffer_is_never_given_up(buffer: int, bytes_s: int, opens: float) -> None:
    """Its system takes as much as fits, and then nothing until a part of that was read."""
    if buffer * opens / bytes_s > LONGEST * TIMEOUT_S - 2 * INTERVAL_S:
        return
    taking, taken, read, now_s = Taking(TIMEOUT_S), buffer, 0.0, 100.0
    for _ in range(200):
        assert not taking.stalled(taken, True, now_s)
        now_s += INTERVAL_S
        read = min(float(taken), read + bytes_s * INTERVAL_S)
        if taken - read <= buffer * (1 - opens) or read == taken:
            taken = int(read) + buffer


@given(st.integers(0, UNREAD_BYTES))
def test_who_reads_nothing_is_given_up_after_the_timeout(buffer: int) -> None:
    after_s = given_up_after(Taking(TIMEOUT_S), buffer, 100.0)
    assert TIMEOUT_S <= after_s <= TIMEOUT_S + INTERVAL_S


@given(st.integers(0, 10**10))
def test_who_stops_is_given_up_after_reading_what_was_taken_slowly(taken: int) -> None:
    taking = Taking(TIMEOUT_S)
    assert not taking.stalled(taken, True, 100.0)
    slowly_s = max(TIMEOUT_S, taken / SLOWEST_BYTES_S if taken > UNREAD_BYTES else 0)
    after_s = given_up_after(taking, taken, 100.0)
    assert min(slowly_s, LONGEST * TIMEOUT_S) <= after_s <= min(slowly_s, LONGEST * TIMEOUT_S) + INTERVAL_S


def test_waiting_between_requests_is_no_silence() -> None:
    taking = Taking(TIMEOUT_S)
    assert not taking.stalled(100, True, 0.0)
    for now_s in range(5, 1000, 5):
        assert not taking.stalled(100, False, float(now_s))
    assert given_up_after(taking, 100, 1000.0) >= TIMEOUT_S


@given(st.binary(max_size=300))
def test_any_bytes_of_the_kernel_are_read_or_refused(info: bytes) -> None:
    look = read_tcp_info(info)
    assert (look is None) == (len(info) < 148)


def test_a_look_says_what_the_kernel_says() -> None:
    info = bytearray(192)
    struct.pack_into("=I", info, 24, 3)
    struct.pack_into("=QQ", info, 120, 2**40, 7)
    look = read_tcp_info(bytes(info))
    assert look is not None
    assert (look.taken, look.received, look.waiting) == (2**40, 7, True)
    struct.pack_into("=I", info, 24, 0)
    assert not getattr(read_tcp_info(bytes(info)), "waiting", True)
    struct.pack_into("=I", info, 144, 1)
    assert getattr(read_tcp_info(bytes(info)), "waiting", False)


@given(st.lists(st.tuples(st.floats(0.01, 1.0), st.integers(1, 10**8)), max_size=200))
def test_what_is_read_after_the_end_is_bounded(blocks: list[tuple[float, int]]) -> None:
    lingering, now_s, total = Lingering(0.0), 0.0, 0
    for pause_s, count in blocks:
        now_s += pause_s
        if lingering.over(now_s):
            break
        lingering.heard(count, now_s)
        total += count
    assert now_s <= LINGER_LONGEST_S + 1.0
    assert total < LINGER_BYTES + 10**8
    assert lingering.over(now_s + LINGER_SILENT_S + 0.001)


@given(st.text(max_size=30), st.booleans(), st.booleans())
def test_no_length_that_a_client_names_is_an_error(length: str, chunked: bool, expects: bool) -> None:
    has_more_than_is_sent_at_once(length, chunked, expects)
    assert not has_more_than_is_sent_at_once(length, chunked, True)


def test_only_what_may_still_be_sent_is_read_on() -> None:
    assert has_more_than_is_sent_at_once(None, True, False)
    assert has_more_than_is_sent_at_once("65537", False, False)
    assert not has_more_than_is_sent_at_once("65536", False, False)
    assert not has_more_than_is_sent_at_once(None, False, False)
