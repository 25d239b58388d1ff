"""`/stream`: a response made slowly, as chunks at an interval or as events that can be resumed."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from shared.encoding import encode
from shared.errors import BadRequest
from shared.numbers import read_whole
from shared.replies import Headers, RawHeaders, Reply, raw

DECIDING = ("accept", "last-event-id")
"""The request headers that `plan_stream` looks at."""

FORMATS = ("events", "chunks")
MAX_COUNT = 100_000
MAX_INTERVAL_MS = 60_000
MAX_CHUNK_BYTES = 65_536
LAST_EVENT_ID = "[0-9]{0,9}"
ENDED = Reply(204, (("Cache-Control", "no-store"),))
"""All events have been received: a client of Server-Sent Events does not come again (WHATWG HTML 9.2)."""


@dataclass(frozen=True)
class StreamPart:
    """Wait `pause_s`, then send `block`."""

    pause_s: float
    block: bytes


@dataclass(frozen=True)
class Stream:
    """`count` chunks or events, numbered from `first`, one every `interval_s`.

    It ends before the first that would come later than `longest_s` after its begin; events can be resumed.
    """

    events: bool
    first: int
    count: int
    interval_s: float
    heartbeat_s: float
    size: int
    longest_s: float

    @property
    def headers(self) -> Headers:
        return (
            ("Content-Type", "text/event-stream" if self.events else "application/octet-stream"),
            ("Cache-Control", "no-store"),
            ("X-Accel-Buffering", "no"),  # nginx would hold events back until they fill a buffer
            ("X-Content-Type-Options", "nosniff"),
        )

    @property
    def raw_headers(self) -> RawHeaders:
        return raw(self.headers)

    def parts(self) -> Iterator[StreamPart]:
        """What to wait for and send, in order; the first without a wait."""
        last = self.count
        if self.interval_s:
            last = min(last, self.first + int(self.longest_s / self.interval_s))
        for number in range(self.first, last + 1):
            pause_s = 0.0 if number == self.first else self.interval_s
            while self.events and pause_s > self.heartbeat_s:
                yield StreamPart(self.heartbeat_s, b": heartbeat\n\n")
                pause_s -= self.heartbeat_s
            yield StreamPart(pause_s, self._event(number) if self.events else self._chunk(number))

    def _event(self, number: int) -> bytes:
        data = encode({"number": number, "of": self.count})
        return b"id: %d\ndata: %b\n\n" % (number, data)

    def _chunk(self, number: int) -> bytes:
        return (b"%d " % number * self.size)[: self.size]


def plan_stream(query: Mapping[str, str], headers: Mapping[str, str], longest_s: float) -> Stream | Reply:
    """Decide a stream from its query and headers (lower-case names); BadRequest names what is wrong.

    A `Last-Event-ID` resumes after the event of that number (WHATWG HTML section 9.2); an empty one is none.
    """
    kind = query.get("format")
    if kind is None:
        kind = "events" if "text/event-stream" in headers.get("accept", "") else "chunks"
    if kind not in FORMATS:
        raise BadRequest(f"format is {kind[:40]!r}; it can be {' or '.join(FORMATS)}.")
    last = headers.get("last-event-id", "").strip(" \t") or "0"
    if not re.fullmatch(LAST_EVENT_ID, last, re.ASCII):
        raise BadRequest("Last-Event-ID is not the number of an event of this stream.")
    stream = Stream(
        events=kind == "events",
        first=int(last) + 1 if kind == "events" else 1,
        count=_number(query, "count", 10, 1, MAX_COUNT),
        interval_s=_number(query, "interval_ms", 250, 0, MAX_INTERVAL_MS) / 1000,
        heartbeat_s=_number(query, "heartbeat_ms", 15_000, 10, MAX_INTERVAL_MS) / 1000,
        size=_number(query, "size", 64, 1, MAX_CHUNK_BYTES),
        longest_s=longest_s,
    )
    return ENDED if stream.first > stream.count else stream


def _number(query: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = query.get(name, str(default))
    number = read_whole(text)
    if number is None or not least <= number <= most:
        raise BadRequest(f"{name} is {text[:40]!r}; it must be a whole number from {least} to {most}.")
    return number
