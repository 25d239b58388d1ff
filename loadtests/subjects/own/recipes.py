"""Requests ready to be filled in: constant bytes, and between them the places where values go (pure)."""

import hashlib
import json
import mimetypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

from loadtests.model.placeholders import Hole, parse
from loadtests.model.protocol import request_target
from loadtests.subjects.own.requests import PlanFile, PlanLogin, Scalar
from loadtests.subjects.own.secrets import variable

Encoder = Callable[[Any], bytes]
RequestValues = Mapping[str, Any]
SECRET = "env:"  # noqa: S105 - a prefix
"""What the names of values begin with that come from the environment."""


_written = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def text_of(value: Any) -> str:
    """A value as text: a text is itself, anything else is its JSON."""
    if isinstance(value, str):
        return value
    return str(value) if type(value) is int else _written(value)


def as_segment(value: Any) -> bytes:
    """Within a path or a query: all but the unreserved is percent-encoded (RFC 3986, 2.3)."""
    return _segment(text_of(value))


@lru_cache(maxsize=16_384)  # the same values come again and again
def _segment(text: str) -> bytes:
    return quote(text, safe="", errors="surrogateescape").encode("ascii")


def as_target(value: Any) -> bytes:
    """A whole path, such as a saved Location has: of an address, what follows the authority."""
    text = text_of(value)
    parts = urlsplit(text)
    if parts.scheme or text.startswith("//"):
        text = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return request_target(text if text.startswith("/") else "/" + text).encode("ascii")


def as_form(value: Any) -> bytes:
    return quote_plus(text_of(value), errors="surrogateescape").encode("ascii")


def as_field(value: Any) -> bytes:
    """A header's value on one line (RFC 9110, 5.5)."""
    text = text_of(value)
    if "\n" in text or "\r" in text or "\0" in text:
        text = text.translate(_LINES)
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape")


def as_json(value: Any) -> bytes:
    return _written(value).encode("utf-8", "surrogatepass")


def within_json(value: Any) -> bytes:
    return _written(text_of(value))[1:-1].encode("utf-8", "surrogatepass")


def as_text(value: Any) -> bytes:
    return text_of(value).encode("utf-8", "surrogatepass")


_LINES = {ord("\r"): " ", ord("\n"): " ", 0: " "}


@dataclass(frozen=True)
class Pattern:
    """Bytes with places for values: constants, and (name, encoder) where a value goes in."""

    pieces: tuple[bytes | tuple[str, Encoder], ...]
    _format: bytes = field(init=False, repr=False, compare=False)
    _holes: tuple[tuple[str, Encoder], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """One format for all pieces: to fill it costs less than to join them."""
        texts = [piece.replace(b"%", b"%%") if isinstance(piece, bytes) else b"%b" for piece in self.pieces]
        object.__setattr__(self, "_format", b"".join(texts))
        object.__setattr__(self, "_holes", tuple(p for p in self.pieces if isinstance(p, tuple)))

    @property
    def constant(self) -> bytes | None:
        """All of it, where no value goes in."""
        if not self.pieces:
            return b""
        return self.pieces[0] if len(self.pieces) == 1 and isinstance(self.pieces[0], bytes) else None

    @property
    def names(self) -> set[str]:
        return {piece[0] for piece in self.pieces if isinstance(piece, tuple)}

    def fill(self, values: RequestValues) -> bytes:
        """Raises KeyError for a name without a value."""
        return self._format % tuple([encode(values[name]) for name, encode in self._holes])


def joined(*pieces: bytes | tuple[str, Encoder] | Pattern) -> Pattern:
    """One pattern, neighbouring constants in one piece."""
    flat: list[bytes | tuple[str, Encoder]] = []
    for piece in pieces:
        for inner in piece.pieces if isinstance(piece, Pattern) else (piece,):
            if isinstance(inner, bytes) and flat and isinstance(last := flat[-1], bytes):
                flat[-1] = last + inner
            elif inner != b"":
                flat.append(inner)
    return Pattern(tuple(flat))


def pattern(text: str, encode: Encoder, literal: Encoder | None = None, *, header: bool = False) -> Pattern:
    """A text of a plan; its own letters by `literal`, which is `encode` where left out."""
    name = variable(text, header=header)
    if name is not None:
        begun = text.removesuffix(f"env:{name}")
        return joined(*([(literal or encode)(begun)] if begun else []), (SECRET + name, encode))
    return joined(
        *(
            (part.name, encode) if isinstance(part, Hole) else (literal or encode)(part)
            for part in parse(text)
        )
    )


@dataclass(frozen=True)
class Recipe:
    """A request of a plan. `headers` hold all fields but those that say where it goes and how long it is."""

    method: str
    label: str
    target: Pattern
    headers: tuple[tuple[str, Pattern], ...]
    body: Pattern | None

    def header_list(self, values: RequestValues) -> list[tuple[str, str]]:
        return [(name, part.fill(values).decode("latin-1")) for name, part in self.headers]


@cache
def _file(path: str) -> bytes:
    return Path(path).read_bytes()


def recipe(request: PlanLogin) -> Recipe:
    """Compile a request whose files are named by their whole paths; raises OSError where one is gone."""
    type_, body = _body(request)
    given = {name.lower() for name in request.headers}
    headers = [(name, pattern(value, as_field, header=True)) for name, value in request.headers.items()]
    if type_ and "content-type" not in given:
        headers.append(("Content-Type", Pattern((type_.encode("latin-1"),))))
    return Recipe(request.method, request.path, _target(request), tuple(headers), body)


def _literal_target(text: str) -> bytes:
    return request_target(text).encode("ascii")


def _target(request: PlanLogin) -> Pattern:
    parts = parse(request.path)
    pieces: list[bytes | tuple[str, Encoder]] = []
    for number, part in enumerate(parts):
        if isinstance(part, Hole):
            pieces.append((part.name, as_segment if number else as_target))
        else:
            pieces.append(_literal_target(part))
    if not request.query:
        return joined(*pieces)
    mark = b"&" if "?" in request.path else b"?"
    return joined(*pieces, mark, _pairs(request.query, as_segment))


def _pairs(fields: Mapping[str, Scalar | list[Scalar]], encode: Encoder) -> Pattern:
    pieces: list[bytes | Pattern] = []
    for name, given in fields.items():
        for value in given if isinstance(given, list) else [given]:
            pieces += [b"&" if pieces else b"", encode(name), b"=", pattern(text_of(value), encode)]
    return joined(*pieces)


def _body(request: PlanLogin) -> tuple[str | None, Pattern | None]:
    """The content type that goes with a body, and the body."""
    if request.json_ is not None:
        return "application/json", _json(request.json_)
    if request.form:
        return "application/x-www-form-urlencoded", _pairs(request.form, as_form)
    if request.body is not None:
        return None, pattern(request.body, as_text)
    if request.body_file is not None:
        type_ = mimetypes.guess_type(request.body_file)[0] or "application/octet-stream"
        return type_, joined(_file(request.body_file))
    if request.multipart:
        return _multipart(request)
    return None, Pattern(()) if request.method in ("POST", "PUT", "PATCH") else None


def _json(value: Any) -> Pattern:
    """A text that is one placeholder and nothing else keeps the type of its value."""
    if isinstance(value, str):
        name = variable(value)
        parts = parse(value)
        if name is None and len(parts) == 1 and isinstance(parts[0], Hole):
            return Pattern(((parts[0].name, as_json),))
        return joined(b'"', pattern(value, within_json), b'"')
    pieces: list[bytes | Pattern] = []
    if isinstance(value, dict):
        for name, inner in value.items():
            pieces += [b"," if pieces else b"{", as_json(name), b":", _json(inner)]
        return joined(*(pieces or [b"{"]), b"}")
    if isinstance(value, list):
        for inner in value:
            pieces += [b"," if pieces else b"[", _json(inner)]
        return joined(*(pieces or [b"["]), b"]")
    return Pattern((as_json(value),))


def _multipart(request: PlanLogin) -> tuple[str, Pattern]:
    """RFC 7578; the boundary comes from the content, so that a request is the same each time."""
    seed = hashlib.sha256(request.model_dump_json().encode())
    parts: list[tuple[bytes, Pattern]] = []
    for name, value in request.multipart.items():
        disposition = f'Content-Disposition: form-data; name="{_quoted(name)}"'
        if isinstance(value, PlanFile):
            file = Path(value.file)
            content = _file(value.file)
            seed.update(content)
            type_ = value.type or mimetypes.guess_type(value.file)[0] or "application/octet-stream"
            head = f'{disposition}; filename="{_quoted(value.name or file.name)}"\r\nContent-Type: {type_}'
            parts.append((head.encode("utf-8"), joined(content)))
        else:
            parts.append((disposition.encode("utf-8"), pattern(value, as_text)))
    boundary = b"twins" + seed.hexdigest()[:40].encode()
    pieces: list[bytes | Pattern] = []
    for begin, content_pattern in parts:
        pieces += [b"--", boundary, b"\r\n", begin, b"\r\n\r\n", content_pattern, b"\r\n"]
    return f"multipart/form-data; boundary={boundary.decode()}", joined(*pieces, b"--", boundary, b"--\r\n")


def _quoted(name: str) -> str:
    """As browsers write it (the HTML standard's multipart form data)."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
