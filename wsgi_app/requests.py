"""Plain values out of a WSGI environ."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote

from shared.admission import admit, admit_coding, admit_expectation, admit_framing
from shared.catalogue import decode_name
from shared.errors import BadHost, BadRequest, ContentTooLarge, LengthRequired
from shared.paths import write_prefix
from shared.settings import MAX_JSON_BYTES
from wsgi_app.connections import awaiting_body

Environ = Mapping[str, Any]
GRANIAN = "Granian"  # as it writes SERVER_SOFTWARE


def admit_request(environ: Environ) -> None:
    """Raise the ServiceError of a request that no route should see."""
    sizes = [
        len(key) - 5 + len(value)  # the name without HTTP_
        for key, value in environ.items()
        if key.startswith("HTTP_")
    ]
    for key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if key in environ:
            sizes.append(len(key) + len(environ[key]))
    version = environ["SERVER_PROTOCOL"].removeprefix("HTTP/")
    version = "1.0" if version == "1" else version  # as granian writes it
    host = environ.get("HTTP_HOST")
    if host is not None and "," in host and environ["SERVER_SOFTWARE"] == GRANIAN:
        raise BadHost("The request has two Host headers, or a comma in one, which cannot be told apart here.")
    if version == "1.0":
        host = host or None  # granian makes an empty one
    admit(len(target(environ)), host, sizes, version)
    if "HTTP_TRANSFER_ENCODING" in environ:
        admit_framing(environ["HTTP_TRANSFER_ENCODING"], bool(environ.get("CONTENT_LENGTH")), version)
    if "HTTP_EXPECT" in environ:
        admit_expectation(environ["HTTP_EXPECT"])


def target(environ: Environ) -> str:
    """The request target: as it came where the server tells, else as its path and query are written."""
    raw: str | None = environ.get("RAW_URI")
    if raw is not None:
        return raw
    query = environ["QUERY_STRING"]
    path = quote(environ["PATH_INFO"].encode("latin-1"), safe="/!$&'()*+,;=:@~")
    return f"{path}?{query}" if query else path


def environ_keys(names: Iterable[str]) -> dict[str, str]:
    """The environ's keys of request headers, for `deciding_headers`."""
    bare = ("content-type", "content-length")
    return {("" if name in bare else "HTTP_") + name.upper().replace("-", "_"): name for name in names}


def deciding_headers(environ: Environ, names: Mapping[str, str]) -> dict[str, str]:
    """The request's headers among `names` (environ key to lower-case name)."""
    return {name: environ[key] for key, name in names.items() if key in environ}


def path_after(environ: Environ, prefix: str) -> str:
    """The rest of the path, percent-decoded; BadName where it is not UTF-8."""
    path: str = environ["PATH_INFO"]
    return decode_name(path[len(prefix) :].encode("latin-1"))


def whole_path(environ: Environ) -> str:
    """The path, percent-decoded, for a person to read."""
    path: str = environ["PATH_INFO"] or "/"
    return path.encode("latin-1").decode("utf-8", "replace")


def mounted_at(environ: Environ) -> str:
    """What the service's addresses begin with, where it is mounted below a prefix."""
    return write_prefix(environ["SCRIPT_NAME"])


def query_values(environ: Environ) -> dict[str, str]:
    """The query string's values, the last where a name stands twice."""
    return dict(parse_qsl(environ["QUERY_STRING"], keep_blank_values=True))


def read_body(environ: Environ) -> bytes:
    """The whole body; ContentTooLarge beyond what any JSON request may have."""
    admit_coding(environ.get("HTTP_CONTENT_ENCODING"))
    announced = environ.get("CONTENT_LENGTH") or "0"
    if len(announced) > 12 or (announced.isdecimal() and int(announced) > MAX_JSON_BYTES):
        raise ContentTooLarge(f"The body has {announced} bytes; at most {MAX_JSON_BYTES} are read.")
    body = read_block(environ, MAX_JSON_BYTES + 1)
    require_whole(environ, len(body))
    if len(body) > MAX_JSON_BYTES:
        raise ContentTooLarge(f"The body has more than {MAX_JSON_BYTES} bytes.")
    return body


def read_block(environ: Environ, most: int) -> bytes:
    """Up to `most` bytes of the body; BadRequest where the client went away or broke the framing."""
    try:
        with awaiting_body():
            block: bytes = environ["wsgi.input"].read(most)
    except Exception:  # each server has its own for this, and none is the service's fault
        raise BadRequest("The body ended early, or its chunks cannot be read.") from None
    return block


def require_whole(environ: Environ, length: int) -> None:
    """BadRequest where fewer bytes came than were announced: granian ends a cut body without a word."""
    announced = environ.get("CONTENT_LENGTH") or "0"
    if announced.isdecimal() and len(announced) <= 20 and length < int(announced):
        raise BadRequest("The body ended early, or its chunks cannot be read.")


def require_an_end(environ: Environ) -> None:
    """LengthRequired for chunks where nothing would tell a cut body from a whole one, as under granian."""
    if environ["SERVER_SOFTWARE"] == GRANIAN and "HTTP_TRANSFER_ENCODING" in environ:
        raise LengthRequired("This server takes an upload only with a Content-Length.")


def content_type(environ: Environ) -> str | None:
    return environ.get("CONTENT_TYPE")
