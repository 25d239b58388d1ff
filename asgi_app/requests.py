"""Plain values out of an ASGI scope."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

from fastapi import Request

from shared.admission import admit
from shared.catalogue import decode_name
from shared.errors import BadRequest, ContentTooLarge
from shared.settings import MAX_JSON_BYTES

Scope = Mapping[str, Any]


def admit_request(scope: Scope) -> None:
    """Raise the ServiceError of a request that no route should see."""
    sizes: dict[bytes, int] = {}
    host = None
    for name, value in scope["headers"]:
        if name == b"host":
            host = value if host is None else host + b"," + value
        if name in sizes:
            if name == b"content-type":  # gunicorn refuses it before the application can
                raise BadRequest("The request has two Content-Type headers.")
            sizes[name] += 1 + len(value)  # joined with a comma
        elif b"_" not in name:
            sizes[name] = len(name) + len(value)
    target_bytes = len(scope["raw_path"]) + len(scope["query_string"]) + bool(scope["query_string"])
    admit(
        target_bytes,
        None if host is None else host.decode("latin-1"),
        list(sizes.values()),
        scope["http_version"] == "1.1",
    )


def header_keys(names: Iterable[str]) -> dict[bytes, str]:
    """The scope's keys of request headers, for `deciding_headers`."""
    return {name.encode("ascii"): name for name in names}


def deciding_headers(scope: Scope, names: Mapping[bytes, str]) -> dict[str, str]:
    """The request's headers among `names` (lower-case bytes to text), repeated lines joined with a comma."""
    found: dict[str, str] = {}
    for key, value in scope["headers"]:
        name = names.get(key)
        if name is not None:
            text = value.decode("latin-1")
            found[name] = f"{found[name]},{text}" if name in found else text
    return found


def path_after(scope: Scope, prefix: str) -> str:
    """The rest of the path, percent-decoded; BadName where it is not UTF-8."""
    path: bytes = scope["raw_path"]
    return decode_name(unquote_to_bytes(path[len(prefix) :]))


def whole_path(scope: Scope) -> str:
    """The path, percent-decoded, for a person to read."""
    return unquote_to_bytes(scope["raw_path"]).decode("utf-8", "replace")


def query_values(scope: Scope) -> dict[str, str]:
    """The query string's values, the last where a name stands twice."""
    return dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))


async def read_body(request: Request) -> bytes:
    """The whole body; ContentTooLarge beyond what any JSON request may have."""
    announced = request.headers.get("content-length") or "0"
    if len(announced) > 12 or (announced.isdecimal() and int(announced) > MAX_JSON_BYTES):
        raise ContentTooLarge(f"The body has {announced} bytes; at most {MAX_JSON_BYTES} are read.")
    body = bytearray()
    async for block in request.stream():
        body += block
        if len(body) > MAX_JSON_BYTES:
            raise ContentTooLarge(f"The body has more than {MAX_JSON_BYTES} bytes.")
    return bytes(body)


def content_type(scope: Scope) -> str | None:
    return next(
        (value.decode("latin-1") for name, value in scope["headers"] if name == b"content-type"), None
    )
