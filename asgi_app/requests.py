"""Plain values out of an ASGI scope."""

from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request
from starlette.requests import ClientDisconnect

from shared.admission import admit, admit_coding, admit_expectation, admit_framing
from shared.catalogue import decode_name
from shared.errors import BadHost, BadRequest, ContentTooLarge, FieldsTooLarge
from shared.paths import read_path, write_prefix
from shared.settings import MAX_FIELD_LINES, MAX_JSON_BYTES

Scope = Mapping[str, Any]


def admit_request(scope: Scope) -> None:
    """Raise the ServiceError of a request that no route should see."""
    sizes: dict[bytes, int] = {}
    host = None
    for name, value in scope["headers"]:
        if name == b"host":
            host = value
        if name in sizes:
            if name == b"host":
                raise BadHost("The request has two Host headers (RFC 9112 section 3.2).")
            if name == b"content-type":  # gunicorn refuses it before the application can
                raise BadRequest("The request has two Content-Type headers.")
            sizes[name] += 1 + len(value)  # joined with a comma
        elif b"_" not in name:
            sizes[name] = len(name) + len(value)
    if len(scope["headers"]) > MAX_FIELD_LINES:  # gunicorn counts them before the application can
        raise FieldsTooLarge(f"The request has more than {MAX_FIELD_LINES} header lines.")
    version = scope["http_version"]
    version = "1.0" if version == "1" else version  # as granian writes it
    if version == "1.0":
        host = host or None  # granian makes an empty one
    target_bytes = len(scope["raw_path"]) + len(scope["query_string"]) + bool(scope["query_string"])
    admit(
        target_bytes,
        None if host is None else host.decode("latin-1"),
        list(sizes.values()),
        version,
    )
    if b"transfer-encoding" in sizes:
        coding = deciding_headers(scope, TRANSFER_CODING)["transfer-encoding"]
        admit_framing(coding, b"content-length" in sizes, version)
    if b"expect" in sizes:
        admit_expectation(deciding_headers(scope, EXPECTATION)["expect"])


def route_scope(scope: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The scope whose `path` is the one reading of the path: the prefix as given, then its bytes as Latin-1.

    What servers make of a path differs: they replace what is not UTF-8, and some put the prefix before it.
    """
    raw_path, prefix = scope["raw_path"], scope["root_path"]
    if not prefix and raw_path.startswith(b"/") and b"%" not in raw_path:
        return scope
    prefix = prefix.rstrip("/")
    path = read_path(raw_path, prefix).decode("latin-1")
    if not path.startswith("/"):  # the asterisk-form is of no prefix
        prefix = ""
    return {**scope, "path": prefix + path, "root_path": prefix}


def header_keys(names: Iterable[str]) -> dict[bytes, str]:
    """The scope's keys of request headers, for `deciding_headers`."""
    return {name.encode("ascii"): name for name in names}


TRANSFER_CODING = header_keys(("transfer-encoding",))
EXPECTATION = header_keys(("expect",))


def deciding_headers(scope: Scope, names: Mapping[bytes, str]) -> dict[str, str]:
    """The request's headers among `names` (lower-case bytes to text), repeated lines joined with a comma."""
    deciding: dict[str, str] = {}
    for key, value in scope["headers"]:
        name = names.get(key)
        if name is not None:
            text = value.decode("latin-1")
            deciding[name] = f"{deciding[name]},{text}" if name in deciding else text
    return deciding


def path_after(scope: Scope, prefix: str) -> str:
    """The rest of the path, percent-decoded; BadName where it is not UTF-8."""
    path: str = scope["path"]
    return decode_name(path[len(scope["root_path"]) + len(prefix) :].encode("latin-1"))


def whole_path(scope: Scope) -> str:
    """The path, percent-decoded, for a person to read."""
    path: str = scope["path"]
    return path[len(scope["root_path"]) :].encode("latin-1").decode("utf-8", "replace")


def mounted_at(scope: Scope) -> str:
    """What the service's addresses begin with, where it is mounted below a prefix."""
    return write_prefix(scope["root_path"])


def query_values(scope: Scope) -> dict[str, str]:
    """The query string's values, the last where a name stands twice."""
    return dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))


async def read_body(request: Request) -> bytes:
    """The whole body; ContentTooLarge beyond what any JSON request may have."""
    admit_coding(request.headers.get("content-encoding"))
    announced = request.headers.get("content-length") or "0"
    if len(announced) > 12 or (announced.isdecimal() and int(announced) > MAX_JSON_BYTES):
        raise ContentTooLarge(f"The body has {announced} bytes; at most {MAX_JSON_BYTES} are read.")
    body = bytearray()
    try:
        async for block in request.stream():
            body += block
            if len(body) > MAX_JSON_BYTES:
                raise ContentTooLarge(f"The body has more than {MAX_JSON_BYTES} bytes.")
    except ClientDisconnect:
        raise BadRequest("The body ended early, or its chunks cannot be read.") from None
    return bytes(body)


def content_type(scope: Scope) -> str | None:
    return next(
        (value.decode("latin-1") for name, value in scope["headers"] if name == b"content-type"), None
    )
