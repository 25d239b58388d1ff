"""Law 1: the same random request to both faces, and no difference beyond what belongs to the server."""

import json
import os
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.contract.conftest import PAIR, TWINS
from tests.servers import Running
from tests.wire import ask

EXAMPLES = 20_000 if os.environ.get("TWINS_TORTURE") else 400
NAMES = ["blob.bin", "this.py", "odd names/empty.bin", "odd names/Grüße aus Köln.txt", "json/decoder.py"]
Parts = tuple[str, str, str, list[tuple[str, str]], bytes]
methods = st.sampled_from(["GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
visible = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30).map(str.strip)
segments = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x2FFF), min_size=1, max_size=8)
targets = st.one_of(
    st.sampled_from(NAMES).map(lambda name: "/files/" + quote(name)),
    st.sampled_from(
        ["/health", "/ready", "/files", "/process", "/jobs", "/jobs/", "/jobs/x", "/stream", "/openapi.json"]
    ),
    st.sampled_from(["/", "/files/", "/files/..", "/none"]),
    st.lists(segments.map(lambda part: quote(part, safe="%/.;=&+")), max_size=4).map(
        lambda parts: "/files/" + "/".join(parts)
    ),
    st.lists(segments.map(quote), max_size=3).map(lambda parts: "/" + "/".join(parts)),
)
queries = st.one_of(
    st.just(""),
    st.integers(-5, 1500).map(lambda limit: f"?limit={limit}"),
    st.one_of(st.sampled_from(["done", "lost", "dnoe"]), visible.map(quote)).map("?state={}".format),
    visible.map(lambda text: "?" + quote(text, safe="=&%+")),
    st.tuples(
        st.sampled_from(["events", "chunks", "x"]), st.integers(-1, 5), st.integers(-1, 2), st.integers(0, 9)
    ).map(lambda four: "?format={}&count={}&interval_ms={}&size={}".format(*four)),
)
positions = st.one_of(st.just(""), st.integers(0, 300).map(str), st.integers(1048000, 1049000).map(str))
ranges = st.one_of(
    st.lists(st.tuples(positions, positions), min_size=1, max_size=6).map(
        lambda pairs: "bytes=" + ",".join(f"{first}-{last}" for first, last in pairs)
    ),
    visible,
)
dates = st.sampled_from(
    ["Sun, 06 Nov 1994 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Fri, 31 Dec 2100 23:59:59 GMT", "soon"]
)
tags = st.one_of(st.sampled_from(["*", '"x"', 'W/"x"', "ETAG", "W/ETAG", '"a", ETAG', '"a"ETAG']), visible)
fields = st.lists(
    st.one_of(
        st.tuples(st.just("Range"), ranges),
        st.tuples(st.sampled_from(["If-Match", "If-None-Match", "If-Range"]), tags),
        st.tuples(st.sampled_from(["If-Modified-Since", "If-Unmodified-Since", "If-Range"]), dates),
        st.tuples(st.just("Last-Event-ID"), st.one_of(st.integers(-1, 5).map(str), visible)),
        st.tuples(st.sampled_from(["X-Other", "Accept", "Content-Type"]), visible),
    ),
    max_size=4,
)
documents = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=10), st.floats(allow_nan=False)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["operation", "path", "text", "steps", "where", "x"]), inner, max_size=4
        ),
    ),
    max_leaves=8,
)
operations = st.fixed_dictionaries(
    {"operation": st.sampled_from(["digest", "words", "compress", "wait", "pipeline", "dance"])},
    optional={
        "path": st.sampled_from([*NAMES, "../x", "none"]),
        "text": st.text(max_size=50),
        "duration_ms": st.integers(-1, 3),
        "level": st.integers(0, 10),
        "where": st.sampled_from(["inline", "threads", "nowhere"]),
    },
)
bodies = st.one_of(
    st.just(b""),
    st.binary(max_size=50),
    st.one_of(operations, documents).map(lambda value: json.dumps(value).encode()),
)


requests = st.tuples(methods, targets, queries, fields, bodies)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(request_parts=requests)
def test_no_difference(both: tuple[Running, Running], request_parts: Parts) -> None:
    compare(both, *request_parts)


@pytest.fixture(params=[name for name in TWINS if name not in PAIR])
def any_other(request: pytest.FixtureRequest, serve: Callable[[str], Running]) -> tuple[Running, Running]:
    return serve(PAIR[0]), serve(request.param)


@settings(
    max_examples=EXAMPLES // 10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)
@given(request_parts=requests)
def test_no_difference_of_any_other(any_other: tuple[Running, Running], request_parts: Parts) -> None:
    compare(any_other, *request_parts)


def compare(
    both: tuple[Running, Running],
    method: str,
    target: str,
    query: str,
    headers: list[tuple[str, str]],
    body: bytes,
) -> None:
    etag = ask(both[0].port, "HEAD", "/files/blob.bin").header("etag") or ""
    headers = [(name, value.replace("ETAG", etag)) for name, value in headers]
    if body and target == "/process":
        headers = [*headers, ("Content-Type", "application/json")]
    assume(target != "/stream" or "interval_ms" in query)  # else it takes its default of ten seconds
    assume(sum(name == "Content-Type" for name, _ in headers) < 2)  # in the table of the servers' parsers
    answers = [ask(server.port, method, target + query, headers, body) for server in both]
    if target in ("/health", "/jobs") and answers[0].status == 200:
        documents = [json.loads(answer.body or b"{}") for answer in answers]
        assert documents[0].keys() == documents[1].keys()
        assert answers[0].status == answers[1].status
        return
    assert answers[0].comparable() == answers[1].comparable()
