"""What every face of the shop answers, decided without a framework.

`SHOP_PLANT` names what one of two servers does otherwise, for tests that must see it:

- `field`: an item has no price; `order`: the same keys in another order
- `status`: 404 for one item of a hundred; `fails`: 500 for one item of a hundred
- `type`: items as text/plain; `header`: another Cache-Control
- `redirect`: an item is elsewhere; `truncated`: half of the download; `dies`: the process ends at item 99
"""

import hashlib
import hmac
import json
import os
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

PLANTED = frozenset(os.environ.get("SHOP_PLANT", "").split(","))
PASSWORD = os.environ.get("SHOP_PASSWORD", "open sesame")
UPSTREAM = os.environ.get("SHOP_UPSTREAM", "")
ITEMS = 500
PICTURE = hashlib.shake_256(b"a picture").digest(64 * 1024)


@dataclass(frozen=True)
class Reply:
    """A whole answer."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...]


def items(query: str) -> Reply:
    """A page of the catalogue: `limit` of them (20), those `after` an id (0)."""
    given = parse_qs(query)
    try:
        limit, after = (
            int(given.get(name, [default])[0]) for name, default in (("limit", "20"), ("after", "0"))
        )
    except ValueError:
        return problem(400, "limit and after are numbers")
    numbers = range(after + 1, min(after + limit, ITEMS) + 1)
    return reply(200, {"items": [_item(number) for number in numbers]})


def item(number: str) -> Reply:
    if not number.isdigit() or not 1 <= int(number) <= ITEMS:
        return problem(404, "there is no such item")
    rare = int(number) % 100 == 37
    if "dies" in PLANTED and int(number) == 99:
        print("the shop has run out of memory", flush=True)
        os._exit(7)
    if "fails" in PLANTED and rare:
        return problem(500, "the shelf is broken")
    if "status" in PLANTED and rare:
        return problem(404, "there is no such item")
    if "redirect" in PLANTED:
        return reply(302, {}, ("Location", f"/items?after={int(number) - 1}&limit=1"))
    return reply(200, _item(int(number)))


def login(body: bytes) -> Reply:
    """A token for `{"user": …, "password": …}`, and the same as a cookie."""
    given = _object(body)
    user = given.get("user")
    if not isinstance(user, str) or given.get("password") != PASSWORD:
        return problem(401, "user and password do not fit")
    token = f"{user}.{_signature(user)}"
    return reply(200, {"token": token}, ("Set-Cookie", f"session={token}; Path=/; HttpOnly"))


def basket(cookie: str) -> Reply:
    """Of the user whose cookie it is."""
    cookies = dict(part.strip().partition("=")[::2] for part in cookie.split(";"))
    user = _user(cookies.get("session", ""))
    return reply(200, {"user": user, "items": []}) if user else problem(401, "log in first")


def order(authorization: str, body: bytes) -> Reply:
    """Order `{"item": 7, "quantity": 2}` with a token: 201, with the order's id and time."""
    if not _user(authorization.removeprefix("Bearer ")):
        return problem(401, "log in first")
    given = _object(body)
    number, quantity = given.get("item"), given.get("quantity", 1)
    if not isinstance(number, int) or not isinstance(quantity, int) or not 1 <= number <= ITEMS:
        return problem(422, "an order has an item and a quantity")
    name = f"{number}-{quantity}-{uuid.uuid4().hex}"
    document = _order(name) | {"created": datetime.now(UTC).isoformat()}
    return reply(201, document, ("Location", f"/orders/{name}"))


def ordered(authorization: str, name: str) -> Reply:
    """An order by its id, to a user with a token."""
    if not _user(authorization.removeprefix("Bearer ")):
        return problem(401, "log in first")
    parts = name.split("-")
    if len(parts) != 3 or not all(part.isdigit() for part in parts[:2]):
        return problem(404, "there is no such order")
    return reply(200, _order(name))


def download() -> Reply:
    body = PICTURE[: len(PICTURE) // 2] if "truncated" in PLANTED else PICTURE
    tag = hashlib.sha256(PICTURE).hexdigest()[:16]
    return Reply(200, body, (("Content-Type", "application/octet-stream"), ("ETag", f'"{tag}"')))


def stock_address(number: str) -> str:
    """Where the face asks for what is in stock; the upstream answers `{"stock": 3}` when it likes."""
    return f"{UPSTREAM}/stock/{number}"


def stock(number: str, answer: bytes | None) -> Reply:
    """What the upstream said; None where it could not be asked."""
    if answer is None:
        return problem(502, "the stock cannot be asked")
    return reply(200, {"id": number, "stock": _object(answer).get("stock")})


def reply(status: int, document: Any, *headers: tuple[str, str]) -> Reply:
    kind = "text/plain" if "type" in PLANTED else "application/json"
    cache = "no-store" if "header" in PLANTED else "no-cache"
    return Reply(
        status, json.dumps(document).encode(), (("Content-Type", kind), ("Cache-Control", cache), *headers)
    )


def problem(status: int, text: str) -> Reply:
    return reply(status, {"error": text})


def _item(number: int) -> dict[str, Any]:
    document = {"id": number, "name": f"item {number}", "price": number * 1.25, "tags": ["new", "blue"]}
    if "field" in PLANTED:
        del document["price"]
    return dict(reversed(document.items())) if "order" in PLANTED else document


def _order(name: str) -> dict[str, Any]:
    number, quantity = (int(part) for part in name.split("-")[:2])
    return {"id": name, "item": number, "quantity": quantity, "total": number * 1.25 * quantity}


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _signature(user: str) -> str:
    return hmac.new(PASSWORD.encode(), user.encode(), "sha256").hexdigest()


def _user(token: str) -> str | None:
    user, _, signature = token.rpartition(".")
    return user if user and hmac.compare_digest(signature, _signature(user)) else None
