"""Streams as they are decided: bounded whatever is asked for, and whole when they are resumed."""

import re

from hypothesis import given
from hypothesis import strategies as st

from shared.replies import Reply
from shared.settings import MAX_STREAM_S
from shared.streams import MAX_COUNT, MAX_INTERVAL_MS, Stream, plan_stream

MOST = 110  # events that are looked at
counts = st.integers(1, MAX_COUNT)
intervals_ms = st.one_of(
    st.integers(0, MAX_INTERVAL_MS), st.integers(100, MAX_INTERVAL_MS), st.sampled_from([100, 125, 200])
)


def numbers(stream: Stream, most: int) -> tuple[list[int], float]:
    """The first events' numbers, and when the last of them is due."""
    found: list[int] = []
    due_s = 0.0
    for part in stream.parts():
        due_s += part.pause_s
        found += [int(number) for number in re.findall(rb"^id: (\d+)", part.block)]
        if len(found) >= most:
            break
    return found, due_s


@given(counts, intervals_ms, st.integers(10, MAX_INTERVAL_MS))
def test_no_stream_lasts_longer_than_is_said(count: int, interval_ms: int, heartbeat_ms: int) -> None:
    query = {"format": "events", "count": str(count), "interval_ms": str(interval_ms)}
    stream = plan_stream(query | {"heartbeat_ms": str(heartbeat_ms)}, {}, MAX_STREAM_S)
    assert isinstance(stream, Stream)
    found, due_s = numbers(stream, MOST)
    assert due_s <= MAX_STREAM_S + 1e-6
    fit = count if interval_ms == 0 else min(count, 1 + MAX_STREAM_S * 1000 // interval_ms)
    assert found == list(range(1, min(fit, MOST) + 1))


@given(st.integers(1, 60), st.integers(700, MAX_INTERVAL_MS))
def test_whoever_resumes_gets_every_event_once(count: int, interval_ms: int) -> None:
    query = {"format": "events", "count": str(count), "interval_ms": str(interval_ms)}
    found: list[int] = []
    while True:
        last = {"last-event-id": str(found[-1])} if found else {}
        stream = plan_stream(query, last, MAX_STREAM_S)
        if isinstance(stream, Reply):
            assert (stream.status, stream.body) == (204, b"")
            break
        found += numbers(stream, count)[0]
    assert found == list(range(1, count + 1))
