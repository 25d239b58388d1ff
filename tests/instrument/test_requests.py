"""A plan's requests, sent by a real generator to a server that remembers each of them."""

import itertools
import json
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from loadtests.model.samples import KINDS, OK
from loadtests.subjects.own.requests import Workload
from tests.instrument.running import Outcome, generate

PASSWORD = "open sesame & more"  # noqa: S105 - of this server alone
FEED = "".join(f"{number}\n" for number in range(60))


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    cookie: str
    authorization: str
    body: bytes


@dataclass
class Memory:
    """What a server was asked, and what it has handed out."""

    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)
    tokens: dict[str, str] = field(default_factory=dict)

    def of(self, path: str) -> list[Asked]:
        return [one for one in self.asked if one.path.startswith(path)]


@contextmanager
def remembering() -> Iterator[Memory]:
    """A login that gives each user a token and a cookie; items, orders of a user, and a few odd answers."""
    memory = Memory()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            asked = Asked(
                self.command,
                self.path,
                self.headers.get("Cookie", ""),
                self.headers.get("Authorization", ""),
                self.rfile.read(length),
            )
            memory.asked.append(asked)
            status, document, headers = reply(asked)
            body = json.dumps(document).encode()
            self.send_response(status)
            for name, value in (*headers, ("Content-Length", str(len(body)))):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else body)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer

        def log_message(self, *arguments: Any) -> None:
            pass

    def reply(asked: Asked) -> tuple[int, Any, list[tuple[str, str]]]:
        if asked.path == "/login":
            given = json.loads(asked.body)
            if given["password"] != PASSWORD:
                return 401, {}, []
            name = f"u{next(memory.numbers)}"
            memory.tokens[f"Bearer t-{name}"] = f"sid={name}"
            return 200, {"token": f"t-{name}"}, [("Set-Cookie", f"sid={name}; Path=/; HttpOnly")]
        if asked.path == "/orders":
            if memory.tokens.get(asked.authorization) != asked.cookie:
                return 403, {}, []
            return 201, {"id": next(memory.numbers), "item": json.loads(asked.body)["item"]}, []
        if asked.path == "/moved":
            return 302, {}, [("Location", "/items/1?secret=x")]
        if asked.path.startswith("/changing"):
            return 200, {"now": next(memory.numbers)}, []
        if asked.path == "/stock":
            return (
                200,
                {"stock": 5 if len(memory.of("/stock")) < 4 else 4},
                [("Content-Type", "application/json")],
            )
        return 200, {"path": asked.path, "n": 1}, []

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    memory.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield memory
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


SHOP: dict[str, Any] = {
    "login": [
        {
            "method": "POST",
            "path": "/login",
            "json": {"password": "env:SHOP_PASSWORD"},
            "save": {"token": "$.token", "sid": "cookie:sid"},
        }
    ],
    "requests": [
        {"name": "item", "path": "/items/{n}", "weight": 3, "answer": {"json": {"$.path": "/items/{n}"}}},
        {
            "name": "order",
            "method": "POST",
            "path": "/orders",
            "headers": {"Authorization": "Bearer {token}"},
            "json": {"item": "{n}"},
            "answer": {"json": {"$.item": "{n}"}},
            "save": {"order": "$.id"},
            "then": "pay",
        },
        {"name": "pay", "method": "PUT", "path": "/orders/{order}/pay/{n}", "query": {"sid": "{sid}"}},
        {"name": "again", "path": "/last/{order}"},
    ],
}


def run(folder: Path, memory: Memory, workload: dict[str, Any], *arguments: str, users: int = 3) -> Outcome:
    """Until the feed has come to its end, and so however slow the machine is."""
    (folder / "feed.csv").write_text("n\n" + FEED)
    document = {**workload, "feed": {"file": str(folder / "feed.csv"), "end": "stop"}}
    (folder / "requests.json").write_text(Workload.model_validate(document).model_dump_json())
    return generate(
        folder,
        f"http://127.0.0.1:{memory.port}",
        *("Requests", "--twins-requests", str(folder / "requests.json"), "--twins-duration", "60"),
        *("--users", str(users), "--spawn-rate", str(users), *arguments),
    )


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", PASSWORD)


@pytest.mark.parametrize("client", ["wire", "fasthttp", "http"])
def test_each_user_asks_with_its_own_token_cookies_and_values(tmp_path: Path, client: str) -> None:
    with remembering() as memory:
        outcome = run(tmp_path, memory, SHOP, "--twins-client", client)
    assert outcome.status == 0, outcome.output
    samples = outcome.samples
    assert set(samples["kind"]) == {OK}, Counter(KINDS[kind] for kind in samples["kind"])
    assert outcome.document.names == ["item", "order", "pay", "again"]
    counts = Counter(outcome.document.names[number] for number in samples["name"].tolist())
    assert counts["order"] == counts["pay"] > 0
    assert 1.5 * counts["order"] < counts["item"]
    assert len(memory.of("/login")) == 4, "three users, and one that learns the right answers"
    assert outcome.document.prepared + len(samples) == len(memory.asked) == outcome.document.sent
    # a payment follows its own order: of the same user, with the same row
    for paid in memory.of("/orders/"):
        assert paid.cookie == "sid=" + paid.path.partition("sid=")[2]
    per_user = defaultdict(list)
    for one in memory.of("/orders"):
        per_user[one.cookie].append(one)
    for asked in per_user.values():
        for order, pay in zip(asked[::2], asked[1::2], strict=True):
            assert json.loads(order.body)["item"] == pay.path.partition("/pay/")[2].partition("?")[0]
    assert PASSWORD not in outcome.output + (tmp_path / "requests.json").read_text()


def test_rows_are_each_users_next_whoever_asks(tmp_path: Path) -> None:
    """One reader for all; with `stop` the measuring ends with the last row, and no row is taken twice."""
    with remembering() as memory:
        outcome = run(tmp_path, memory, {"requests": [{"path": "/items/{n}"}]})
    assert outcome.status == 0, outcome.output
    rows = [one.path for one in memory.asked[1:]]
    assert sorted(rows) == sorted(f"/items/{number}" for number in range(60))
    assert rows != [f"/items/{number}" for number in range(60)], "in an order of the seed's"
    document = outcome.document
    assert len(outcome.measured) == 60
    assert document.measure_us < 30e6
    assert [(check.name, check.status) for check in document.conditions] == [("feed", "ok")]


def test_in_the_open_loop_the_arrivals_are_of_the_sessions_in_turn(tmp_path: Path) -> None:
    workload = {**SHOP, "sessions": 5}
    with remembering() as memory:
        outcome = run(tmp_path, memory, workload, "--twins-rate", "100")
    assert outcome.status == 0, outcome.output
    assert set(outcome.samples["kind"]) == {OK}
    assert len(memory.of("/login")) == 6
    cookies = Counter(one.cookie for one in memory.of("/items"))
    assert len(cookies - Counter([memory.of("/items")[0].cookie])) == 5


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"path": "/moved"}, "GET /moved (moved) answers with status 302 to /items/1, not a success"),
        ({"path": "/a", "save": {"x": "$.none"}}, "GET /a (a) answers without a value at $.none"),
    ],
)
def test_a_first_answer_that_is_not_right_is_one_sentence(
    tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    with remembering() as memory:
        outcome = run(tmp_path, memory, {"requests": [change]}, users=1)
    assert outcome.status == 1
    assert told in outcome.output
    assert "Traceback" not in outcome.output


def test_a_redirect_that_was_asked_for_is_right_and_a_changing_answer_is_dynamic(tmp_path: Path) -> None:
    workload = {"requests": [{"path": "/moved", "status": 302}, {"path": "/changing?{n}"}], "cookies": False}
    with remembering() as memory:
        outcome = run(tmp_path, memory, workload, users=1)
    assert set(outcome.samples["kind"]) == {OK}
    assert set(outcome.samples["status"].tolist()) == {200, 302}


def test_an_answer_that_must_stay_the_same_and_does_not_is_wrong(tmp_path: Path) -> None:
    with remembering() as memory:
        changing = {"name": "changing", "path": "/changing", "answer": {"same": True}}
        outcome = run(tmp_path, memory, {"requests": [{"path": "/items/{n}"}, changing]}, users=1)
    of_name = {
        name: set(outcome.samples["kind"][outcome.samples["name"] == name].tolist()) for name in (0, 1)
    }
    assert of_name == {0: {OK}, 1: {KINDS.index("body")}}


def test_users_that_cannot_log_in_are_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "guessed")
    with remembering() as memory:
        outcome = run(tmp_path, memory, SHOP, users=1)
    assert outcome.status == 1
    assert "the login POST /login answers with status 401" in outcome.output
    assert "Traceback" not in outcome.output
    assert "guessed" not in outcome.output


def test_json_that_changes_later_is_no_wrong_answer_of_the_scenario_get(tmp_path: Path) -> None:
    """The answers learned from were the same, byte for byte."""
    with remembering() as memory:
        outcome = generate(
            tmp_path,
            f"http://127.0.0.1:{memory.port}",
            *("Get", "--twins-path", "/stock", "--twins-duration", "1", "--users", "2", "--spawn-rate", "2"),
        )
    assert outcome.status == 0, outcome.output
    assert set(outcome.samples["kind"].tolist()) == {OK}
    assert len(memory.asked) > 4
