"""The speed of a plan's requests: `python -m tests.acceptance.own_mix`.

A mix of five with a feed, saved values and cookies, against the wire client's own rate on one fixed GET, and
against FastHttpUser doing the same mix; alternating, in one run, over a server that is not the limit.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from loadtests.model.samples import OK
from loadtests.subjects.own.requests import Workload, write_workload
from tests.acceptance.figures import end, show
from tests.acceptance.rivals import GENERATOR_CPU, SERVER_CPU, pinned, stock
from tests.instrument.running import finish, start, telling

ROUNDS, SECONDS, USERS = 3, 3, 32
LEAST_OF_FIXED, LEAST_OVER_FAST = 0.5, 3.0
TOKEN = {"Authorization": "Bearer {token}"}
MIX = {
    "login": [
        {"method": "POST", "path": "/login", "json": {"user": "{user}"}, "save": {"token": "$.token"}},
    ],
    "requests": [
        {"name": "item", "path": "/items/{item}", "weight": 4, "answer": {"json": {"$.id": "{item}"}}},
        {"name": "search", "path": "/search", "query": {"q": "{word}"}, "weight": 2},
        {
            "name": "order",
            "method": "POST",
            "path": "/orders",
            "headers": TOKEN,
            "json": {"item": "{item}", "note": "for {word}"},
            "status": 201,
            "save": {"order": "$.id"},
            "then": "ordered",
        },
        {"name": "ordered", "path": "/orders/{order}", "headers": TOKEN, "answer": {"contains": "price"}},
        {"name": "basket", "path": "/basket", "weight": 2},
    ],
}
FAST_MIX = """
import csv, itertools, random
from urllib.parse import quote
from locust import FastHttpUser, task

ROWS = itertools.cycle(list(csv.DictReader(open("FEED"))))

class Fast(FastHttpUser):
    def on_start(self):
        self.token = self.client.post("/login", json={"user": "ann"}).json()["token"]
        self.headers = {"Authorization": f"Bearer {self.token}"}

    @task(4)
    def item(self):
        row = next(ROWS)
        with self.client.get(f"/items/{row['item']}", name="item", catch_response=True) as answer:
            if answer.status_code != 200 or str(answer.json()["id"]) != row["item"]:
                answer.failure("another item")

    @task(2)
    def search(self):
        row = next(ROWS)
        self.client.get(f"/search?q={quote(row['word'])}", name="search")

    @task(1)
    def order(self):
        row = next(ROWS)
        body = {"item": row["item"], "note": f"for {row['word']}"}
        keys = {"headers": self.headers, "catch_response": True}
        with self.client.post("/orders", json=body, name="order", **keys) as answer:
            if answer.status_code != 201:
                answer.failure("no order")
                return
            order = answer.json()["id"]
        with self.client.get(f"/orders/{order}", name="ordered", **keys) as answer:
            if b"price" not in answer.content:
                answer.failure("no price")

    @task(2)
    def basket(self):
        self.client.get("/basket", name="basket")
"""


@contextmanager
def mix_server() -> Iterator[int]:
    with ExitStack() as stack:
        with pinned(SERVER_CPU):
            command = [sys.executable, "-m", "tests.acceptance.mix_server"]
            port = stack.enter_context(telling(command))
        yield port


def rate(folder: Path, port: int, *arguments: str) -> float:
    """Successes per second; raises SystemExit where a request failed, or a check of the generator's own."""
    folder = Path(tempfile.mkdtemp(dir=folder))
    with pinned(GENERATOR_CPU):
        process = start(
            folder,
            f"http://127.0.0.1:{port}",
            *("--headless", "--only-summary", "--users", str(USERS), "--spawn-rate", str(USERS)),
            *("--twins-warmup", "1", "--twins-duration", str(SECONDS), *arguments),
        )
    outcome = finish(folder, process)
    if outcome.status or (outcome.measured["kind"] != OK).any():
        raise SystemExit(f"The generator failed: {outcome.output[-800:]}")
    document = outcome.document
    return len(outcome.measured) / (document.measure_us - document.warmup_us) * 1e6


def main() -> None:
    taken: dict[str, list[float]] = {"fixed": [], "mix": [], "fast": []}
    with tempfile.TemporaryDirectory() as name, mix_server() as port:
        scratch = Path(name)
        feed, requests = scratch / "feed.csv", scratch / "requests.json"
        feed.write_text("item,word\n" + "".join(f"{number},word {number}\n" for number in range(1, 2001)))
        (scratch / "accounts.csv").write_text("user\nann\nbob\n")
        workload = {
            **MIX,
            "feed": {"file": str(feed)},
            "accounts": {"file": str(scratch / "accounts.csv")},
        }
        write_workload(requests, Workload.model_validate(workload))
        fast = FAST_MIX.replace("FEED", str(feed))
        for _ in range(ROUNDS):
            taken["fixed"].append(
                rate(scratch, port, "Get", "--twins-path", "/fixed", "--twins-check", "body")
            )
            taken["mix"].append(rate(scratch, port, "Requests", "--twins-requests", str(requests)))
            taken["fast"].append(stock(scratch, port, "/", fast, SECONDS + 1, USERS)["requests_per_s"])
    told = ", ".join(f"{who} {'/'.join(f'{one:.0f}' for one in rates)}" for who, rates in taken.items())
    print(f"      requests per second: {told}")
    pairs = list(zip(taken["fixed"], taken["mix"], taken["fast"], strict=True))
    show("mix, over the fixed GET", median(mix / fixed for fixed, mix, _ in pairs), LEAST_OF_FIXED, unit="x")
    show("mix, over FastHttpUser", median(mix / fast for _, mix, fast in pairs), LEAST_OVER_FAST, unit="x")
    end()


if __name__ == "__main__":
    main()
