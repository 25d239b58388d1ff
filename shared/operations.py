"""The requests that `/process` takes: one pydantic model per operation, the same on both faces."""

from difflib import get_close_matches
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from shared.catalogue import NAME_PATTERN
from shared.decoding import decode
from shared.errors import Unprocessable, UnsupportedMediaType
from shared.numbers import Whole
from shared.settings import MAX_FILE_WORK_BYTES, MAX_STEPS, MAX_TEXT_CHARACTERS, MAX_WAIT_MS

Where = Literal["inline", "threads", "processes"]
Text = Annotated[str, Field(max_length=MAX_TEXT_CHARACTERS)]
Name = Annotated[str, Field(json_schema_extra={"pattern": NAME_PATTERN})]
"""The name of a stored file, which the catalogue checks."""


def of_one_source(schema: dict[str, Any]) -> None:
    """Say of a JSON Schema what `one_source` asks for."""
    text = {"type": "string"}
    schema["oneOf"] = [{"required": [key], "properties": {key: text}} for key in ("path", "text")]


def with_waits_outside(schema: dict[str, Any]) -> None:
    """Say of a JSON Schema what `waits_outside` asks for."""
    computing = {"not": {"properties": {"operation": {"const": "wait"}}, "required": ["operation"]}}
    schema["properties"]["steps"]["anyOf"] = [
        {"maxItems": 2},
        *(
            {"minItems": count, "maxItems": count, "prefixItems": [{}, *[computing] * (count - 2)]}
            for count in range(3, MAX_STEPS + 1)
        ),
    ]


class Operation(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Wait(Operation):
    """Wait for something outside: no core is used."""

    operation: Literal["wait"]
    duration_ms: Whole = Field(ge=0, le=MAX_WAIT_MS)


class Computing(Operation):
    """Work for a core, on at most `file_bytes` of a stored file; `where` it runs is the sender's choice."""

    file_bytes: ClassVar[int] = MAX_FILE_WORK_BYTES
    where: Where = "inline"


class Digest(Computing):
    """SHA-256 over a stored file; the interpreter's lock is free meanwhile."""

    operation: Literal["digest"]
    path: Name


class Sourced(Computing):
    model_config = ConfigDict(json_schema_extra=of_one_source)
    path: Name | None = None
    text: Text | None = None

    @model_validator(mode="after")
    def one_source(self) -> "Sourced":
        if (self.path is None) == (self.text is None):
            raise ValueError("give either path, a stored file, or text")
        return self


class Compress(Sourced):
    """zlib over a stored file or a text; the interpreter's lock is free meanwhile."""

    operation: Literal["compress"]
    level: Whole = Field(default=6, ge=1, le=9)


class Words(Sourced):
    """Word frequencies of a stored file or a text, in pure Python: the interpreter's lock is held."""

    file_bytes: ClassVar[int] = 16 * 1024 * 1024
    operation: Literal["words"]
    top: Whole = Field(default=10, ge=1, le=1000)


ComputingStep = Digest | Compress | Words
ProcessingStep = Annotated[Wait | ComputingStep, Field(discriminator="operation")]


class Pipeline(Operation):
    """Several operations in order; a wait can only be the first or the last of them."""

    model_config = ConfigDict(json_schema_extra=with_waits_outside)
    operation: Literal["pipeline"]
    steps: list[ProcessingStep] = Field(min_length=1, max_length=MAX_STEPS)

    @model_validator(mode="after")
    def waits_outside(self) -> "Pipeline":
        if any(isinstance(step, Wait) for step in self.steps[1:-1]):
            raise ValueError("a wait can only be the first or the last step")
        return self


Work = Wait | ComputingStep | Pipeline
WORK: TypeAdapter[Work] = TypeAdapter(Annotated[Work, Field(discriminator="operation")])
OPERATIONS: tuple[str, ...] = tuple(
    get_args(model.model_fields["operation"].annotation)[0] for model in get_args(Work)
)


def read_work(media_type: str | None, body: bytes) -> Work:
    """Parse and validate a `/process` body; UnsupportedMediaType, BadJson or Unprocessable."""
    document = read_object(media_type, body)
    _check_operation(document.get("operation"))
    try:
        return WORK.validate_python(document)
    except ValidationError as error:
        raise Unprocessable(sentence(error)) from None


def read_object(media_type: str | None, body: bytes) -> dict[str, Any]:
    """Parse a body that must be one JSON object; UnsupportedMediaType, BadJson or Unprocessable."""
    kind = (media_type or "").partition(";")[0].strip(" \t").lower()
    if kind != "application/json":
        raise UnsupportedMediaType(
            f"The body is {kind or 'of no stated type'!r}; it must be application/json."
        )
    document = decode(body)
    if not isinstance(document, dict):
        raise Unprocessable("The body must be a JSON object.")
    return document


def _check_operation(name: Any) -> None:
    if name in OPERATIONS:
        return
    if not isinstance(name, str):
        raise Unprocessable(f"operation must be the name of an operation: {', '.join(OPERATIONS)}.")
    near = get_close_matches(name[:40], OPERATIONS, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(OPERATIONS)}."
    raise Unprocessable(f"operation is {name[:40]!r}; {hint}")


def sentence(error: ValidationError) -> str:
    """The first thing wrong with a request: its key, why, and what was given."""
    first = error.errors(include_url=False, include_context=False)[0]
    skipped = (
        "work",
        *OPERATIONS,
    )  # the union's tags and our own wrapping are no part of the sender's document
    key = ".".join(str(part) for part in first["loc"] if part not in skipped)
    message = first["msg"].removeprefix("Value error, ")
    given = "" if isinstance(first["input"], dict | list) else f" (given {str(first['input'])[:40]!r})"
    return f"{key or 'The request'}: {message}{given}."
