"""The shop's five faces answer alike."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.servers import Running
from tests.shops import FACES, shop_running, stock_running
from tests.wire import Answer, ask

ON = {"wsgi": "gunicorn-gthread", "asgi": "uvicorn"}
LOGIN = json.dumps({"user": "ann", "password": "open sesame"}).encode()
WRONG = json.dumps({"user": "ann", "password": "guessed"}).encode()
ORDER = json.dumps({"item": 7, "quantity": 2}).encode()


@pytest.fixture(scope="module")
def shops() -> Iterator[dict[str, Running]]:
    with ExitStack() as stack:
        environment = {"SHOP_UPSTREAM": stack.enter_context(stock_running())}
        yield {
            face: stack.enter_context(shop_running(ON[interface], face, environment))
            for face, interface in FACES.items()
        }


def visit(port: int) -> list[Answer]:
    """Everything that a customer does, with the token and the cookie of the first answer."""
    logged_in = ask(port, "POST", "/login", body=LOGIN)
    token = json.loads(logged_in.body)["token"]
    bearer = [("Authorization", f"Bearer {token}")]
    ordered = ask(port, "POST", "/orders", bearer, ORDER)
    return [
        logged_in,
        ordered,
        ask(port, "GET", f"/orders/{json.loads(ordered.body)['id']}", bearer),
        ask(port, "GET", "/basket", [("Cookie", f"a=b; session={token}")]),
        ask(port, "GET", "/items"),
        ask(port, "GET", "/items?limit=3&after=498"),
        ask(port, "GET", "/items/37"),
        ask(port, "GET", "/download"),
        ask(port, "GET", "/stock/12"),
        ask(port, "GET", "/items?limit=many"),
        ask(port, "GET", "/items/501"),
        ask(port, "GET", "/basket"),
        ask(port, "POST", "/login", body=WRONG),
        ask(port, "POST", "/orders", body=ORDER),
        ask(port, "POST", "/orders", bearer, b'{"item": "seven"}'),
    ]


def steady(answer: Answer) -> tuple[int, list[tuple[str, str]], bytes]:
    """Less the id and the time of an order."""
    status, headers, body = answer.comparable()
    headers = [(name, re.sub("[0-9a-f]{32}", "ID", value)) for name, value in headers]
    return status, headers, re.sub(rb'[0-9a-f]{32}|"created": "[^"]*"', b"ID", body)


def test_all_faces_answer_alike(shops: dict[str, Running]) -> None:
    visits = {face: visit(server.port) for face, server in shops.items()}
    assert [answer.status for answer in visits["flask"]] == [200, 201] + [200] * 7 + [
        400,
        404,
        401,
        401,
        401,
        422,
    ]
    for face, answers in visits.items():
        for answer, other in zip(answers, visits["flask"], strict=True):
            assert steady(answer) == steady(other), face
