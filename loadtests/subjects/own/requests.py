"""Requests as a plan writes them: what is asked, of which values, and what a right answer has (pure).

`Workload` is all of it for one scenario, in the form that the load generator reads; it holds no secret.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import parse_qsl

from pydantic import ConfigDict, Field, field_validator, model_validator

from loadtests.model import jsonpath
from loadtests.model.records import Record
from loadtests.subjects.own.sameness import ignored
from loadtests.subjects.own.secrets import refuse_secrets, variable

Scalar = str | int | float | bool
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Status = Annotated[int, Field(ge=200, le=599)]
LABEL = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
SAVED = re.compile(r"(header|cookie):(.+)", re.DOTALL)


class PlanEntry(Record):
    model_config = ConfigDict(
        extra="forbid", frozen=True, serialize_by_alias=True, validate_by_name=True, validate_by_alias=True
    )


class PlanFeed(PlanEntry):
    """A file of values, one row after the other for all users together."""

    file: str = Field(description="CSV with a line of names, or JSON lines; relative to the plan")
    order: str = Field(
        default="shuffled", pattern="^(shuffled|file)$", description="by the seed, or as it is"
    )
    end: str = Field(
        default="wrap", pattern="^(wrap|stop)$", description="after the last row: the first again, or the end"
    )
    sha256: str | None = Field(default=None, description="of the file; filled in where it is left out")


class PlanFile(PlanEntry):
    """A file as a part of a multipart body."""

    file: str = Field(description="relative to the plan")
    type: str | None = Field(default=None, description="content type; by the file's ending where left out")
    name: str | None = Field(default=None, description="as the server is told it; the file's where left out")


class PlanAnswer(PlanEntry):
    """What a right answer has, beside its status."""

    contains: str | None = None
    json_: dict[str, Any] = Field(default={}, alias="json", description="JSON path to the value there")
    length: Annotated[int, Field(ge=0)] | None = Field(default=None, description="of the body, in bytes")
    type: str | None = Field(default=None, description="content type, such as application/json")
    same: bool = Field(default=False, description="the bytes that the same request was answered with before")

    @field_validator("json_")
    @classmethod
    def _paths(cls, paths: dict[str, Any]) -> dict[str, Any]:
        for path, value in paths.items():
            jsonpath.parse(path)
            _as_json(value)
        return paths


class PlanLogin(PlanEntry):
    """A request that each user sends once, before the warm-up; it counts into no figure."""

    method: str = "GET"
    path: str = Field(
        description="values in braces, as in /items/{id}; from a saved address where it begins so"
    )
    query: dict[str, Scalar | list[Scalar]] = Field(default={})
    headers: dict[str, str] = Field(default={})
    json_: Any = Field(default=None, alias="json", description="body as JSON; `{name}` alone keeps its type")
    form: dict[str, Scalar | list[Scalar]] = Field(default={}, description="body as a web form's fields")
    body: str | None = Field(default=None, description="body as text")
    body_file: str | None = Field(default=None, description="body as a file's bytes, relative to the plan")
    multipart: dict[str, str | PlanFile] = Field(default={}, description="body of fields and files")
    status: list[Status] = Field(
        default=[], description="right ones; where left out, the success that the first answer had"
    )
    answer: PlanAnswer = PlanAnswer()
    save: dict[str, str] = Field(
        default={},
        description="name to JSON path, header:NAME or cookie:NAME, for this user's later requests",
    )
    ignore: list[str] = Field(
        default=[],
        description="what may differ between the answers of two servers: JSON paths such as $.items[*].id, "
        "header:NAME, and body for one that is no JSON",
    )
    files: dict[str, str] = Field(default={}, description="SHA-256 of each file named; filled in")

    @field_validator("method", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        if isinstance(value, str) and not re.fullmatch(r"[A-Za-z]{1,20}", value):
            raise ValueError("a method is a word such as GET or POST")
        return value.upper() if isinstance(value, str) else value

    @field_validator("status", mode="before")
    @classmethod
    def _one_status(cls, value: object) -> object:
        return [value] if isinstance(value, int) else value

    @field_validator("path")
    @classmethod
    def _rooted(cls, path: str) -> str:
        if not re.match(r"/(?!/)|/$|\{[a-z]", path):
            raise ValueError("a path begins with one / or with a value such as {location}")
        if re.search(r"[\x00-\x20\x7f#]", path):
            raise ValueError("a path holds no space, no # and no control character")
        return path

    @field_validator("headers")
    @classmethod
    def _fields(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if not TOKEN.fullmatch(name):
                raise ValueError(f"{name!r} cannot be the name of a header")
            if name.lower() in ("host", "content-length", "connection", "transfer-encoding"):
                raise ValueError(f"{name} is written by the load generator")
            if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value):
                raise ValueError(f"the value of {name} holds a control character")
        return headers

    @field_validator("ignore")
    @classmethod
    def _ignored(cls, entries: list[str]) -> list[str]:
        ignored(entries)
        return entries

    @field_validator("json_")
    @classmethod
    def _json_body(cls, value: Any) -> Any:
        _as_json(value)
        return value

    @field_validator("save")
    @classmethod
    def _saved(cls, save: dict[str, str]) -> dict[str, str]:
        for name, source in save.items():
            if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                raise ValueError(f"{name!r} cannot be a name: lower-case letters, digits and _ are")
            if not SAVED.fullmatch(source):
                if not source.startswith("$"):
                    raise ValueError(
                        f"{name} = '{source}': it is a JSON path such as $.id, header:NAME or cookie:NAME"
                    )
                jsonpath.parse(source)
        return save

    @model_validator(mode="after")
    def _sound(self) -> Self:
        given = [
            key.rstrip("_")
            for key in ("json_", "form", "body", "body_file", "multipart")
            if getattr(self, key) not in (None, {})
        ]
        if len(given) > 1:
            raise ValueError(f"takes one body: {given[0]} or {given[1]}")
        refuse_secrets("headers", self.headers)
        refuse_secrets("query", self.query)
        refuse_secrets("path", dict(parse_qsl(self.path.partition("?")[2])))
        refuse_secrets("form", self.form)
        refuse_secrets("json", self.json_)
        return self


class PlanRequest(PlanLogin):
    """A request of the mix, `weight` times as often as one of weight 1."""

    name: str = Field(default="", pattern=LABEL[:-1] + "|^$", description="of its figures; by its path else")
    weight: Count | None = Field(default=None, description="1; 0 for one that only follows another")
    then: str | None = Field(
        default=None, description="name of the request that follows a right answer at once"
    )

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        if isinstance(given, dict) and not given.get("name") and isinstance(given.get("path"), str):
            return {**given, "name": _slug(str(given.get("method", "GET")), given["path"])}
        return given


class Workload(PlanEntry):
    """The requests of one scenario, complete: what the load generator is given."""

    requests: list[PlanRequest] = Field(min_length=1)
    login: list[PlanLogin] = Field(default=[])
    feed: PlanFeed | None = None
    accounts: PlanFeed | None = None
    cookies: bool = True
    sessions: Annotated[int, Field(ge=1, le=100_000)] = 100

    def environment(self) -> list[str]:
        """The names of the variables that its secrets come from."""
        found = {
            variable(text, header=key.startswith("headers."))
            for request in (*self.login, *self.requests)
            for key, text in texts(request)
        }
        return sorted(name for name in found if name is not None)

    def request(self, name: str) -> PlanRequest:
        return next(request for request in self.requests if request.name == name)


def texts(request: PlanLogin) -> Iterator[tuple[str, str]]:
    """Every text of a request that values are filled into, with its key, such as `headers.Accept`."""
    yield "path", request.path
    for key in ("query", "headers", "form", "multipart", "json_"):
        yield from _within(key.rstrip("_"), getattr(request, key))
    if request.body is not None:
        yield "body", request.body
    if request.answer.contains is not None:
        yield "answer.contains", request.answer.contains
    yield from _within("answer.json", request.answer.json_)


def _within(key: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _within(f"{key}.{name}", inner)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _within(f"{key}[{number}]", inner)


def _slug(method: str, path: str) -> str:
    words = re.findall(r"[A-Za-z0-9._-]+", path.partition("?")[0])
    prefix = [] if method.upper() == "GET" and words else [method.lower()]
    return re.sub(r"^[^A-Za-z0-9]+", "", "-".join([*prefix, *words]))[:64] or "request"


def _as_json(value: Any) -> None:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        raise ValueError(
            "a value here is none that JSON has: quote dates, and leave out inf and nan"
        ) from None


def write_workload(path: Path, workload: Workload) -> None:
    path.write_text(workload.model_dump_json(indent=1) + "\n", encoding="utf-8")


def read_workload(path: Path) -> Workload:
    """The workload in a file; raises OSError, and ValueError with a sentence."""
    return Workload.model_validate_json(path.read_bytes())
