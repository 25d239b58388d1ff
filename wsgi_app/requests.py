"""Plain values out of a WSGI environ."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from shared.admission import admit
from shared.catalogue import decode_name
from shared.errors import ContentTooLarge
from shared.settings import MAX_JSON_BYTES

Environ = Mapping[str, Any]


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
    admit(len(environ["RAW_URI"]), environ.get("HTTP_HOST"), sizes, environ["SERVER_PROTOCOL"] == "HTTP/1.1")


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
    path: str = environ["PATH_INFO"]
    return path.encode("latin-1").decode("utf-8", "replace")


def query_values(environ: Environ) -> dict[str, str]:
    """The query string's values, the last where a name stands twice."""
    return dict(parse_qsl(environ["QUERY_STRING"], keep_blank_values=True))


def read_body(environ: Environ) -> bytes:
    """The whole body; ContentTooLarge beyond what any JSON request may have."""
    announced = environ.get("CONTENT_LENGTH") or "0"
    if len(announced) > 12 or (announced.isdecimal() and int(announced) > MAX_JSON_BYTES):
        raise ContentTooLarge(f"The body has {announced} bytes; at most {MAX_JSON_BYTES} are read.")
    body: bytes = environ["wsgi.input"].read(MAX_JSON_BYTES + 1)
    if len(body) > MAX_JSON_BYTES:
        raise ContentTooLarge(f"The body has more than {MAX_JSON_BYTES} bytes.")
    return body


def content_type(environ: Environ) -> str | None:
    return environ.get("CONTENT_TYPE")
