"""The one contract, as OpenAPI: written here once from the shared models, served by both faces."""

from functools import cache
from typing import Any

from shared.catalogue import MAX_NAME_BYTES, NAME_PATTERN
from shared.documents import EVENT_SCHEMA, all_schemas, reference
from shared.errors import PROBLEM_TYPE
from shared.integrity import FIELD_PATTERN
from shared.jobs import CURSOR_PATTERN as JOB_CURSOR_PATTERN
from shared.jobs import STATES
from shared.listing import CURSOR_PATTERN, MAX_CURSOR
from shared.replies import Reply, json_reply
from shared.settings import MAX_PAGE
from shared.streams import FORMATS, LAST_EVENT_ID, MAX_CHUNK_BYTES, MAX_COUNT, MAX_INTERVAL_MS
from shared.uploads import DIGEST_FIELDS

BINARY = {"schema": {"type": "string", "format": "binary"}}
STORED = {"description": "Stored, under the entity tag in ETag."}
STREAM = {
    "description": "Chunks or Server-Sent Events.",
    "content": {"application/octet-stream": BINARY, "text/event-stream": {"schema": EVENT_SCHEMA}},
}
ENDED = {"description": "The events have all been received."}
JOB_ID = {
    "Job-Id": {"description": "The address of its record is /jobs/ and this.", "schema": {"type": "string"}}
}
BEARER: list[dict[str, list[str]]] = [{"token": []}]
CONDITIONAL = (
    "Range",
    "If-Range",
    "If-Match",
    "If-None-Match",
    "If-Modified-Since",
    "If-Unmodified-Since",
)
OF_A_CHANGE = ("If-Match", "If-None-Match", "If-Unmodified-Since")


@cache
def contract_reply() -> Reply:
    return json_reply(contract())


def contract() -> dict[str, Any]:
    """The OpenAPI 3.1 document of the service."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Twins", "version": "1", "description": "File downloads and request processing."},
        "paths": {
            "/health": {"get": _operation("health", "What serves.", {"200": _json({"type": "object"})})},
            "/ready": {
                "get": _operation(
                    "ready",
                    "Whether the catalogue and the database can be used now.",
                    {"200": _json(reference("Readiness")), **_problems(503)},
                )
            },
            "/files": {
                "get": _operation(
                    "listFiles",
                    "A page of the catalogue.",
                    {"200": _json(reference("Page")), **_problems(400)},
                    parameters=[
                        _parameter("limit", "query", _whole_number(1, MAX_PAGE)),
                        _parameter("after", "query", _text(CURSOR_PATTERN, MAX_CURSOR)),
                    ],
                )
            },
            "/files/{path}": {
                "parameters": [_parameter("path", "path", _text(NAME_PATTERN, MAX_NAME_BYTES))],
                "get": _operation(
                    "download", "A file, or ranges of it.", _download_responses(), _conditional()
                ),
                "head": _operation("describe", "A file's headers.", _head_responses(), _conditional()),
                "put": _operation(
                    "store",
                    "Store a file, whole or not at all.",
                    {"201": STORED, "204": STORED, **_problems(400, 401, 403, 404, 411, 412, 413, 503, 507)},
                    [
                        *_conditional(*OF_A_CHANGE),
                        *(_parameter(name, "header", _text(FIELD_PATTERN)) for name in DIGEST_FIELDS),
                    ],
                )
                | {"security": BEARER, "requestBody": {"content": {"*/*": BINARY}}},
                "delete": _operation(
                    "remove",
                    "Remove a file.",
                    {"204": {"description": "Removed."}, **_problems(400, 401, 403, 404, 412, 503)},
                    _conditional(*OF_A_CHANGE),
                )
                | {"security": BEARER},
            },
            "/process": {
                "post": _operation(
                    "process",
                    "Run an operation on a stored file or a text.",
                    {
                        "200": _json({"type": "object"}) | {"headers": JOB_ID},
                        **_problems(400, 404, 413, 415, 422, 503),
                    },
                )
                | {
                    "requestBody": {
                        "required": True,
                        "content": {"application/json": {"schema": reference("Work")}},
                    }
                }
            },
            "/fetch": {
                "post": _operation(
                    "fetch",
                    "Download upstream addresses at the same time; storing one needs the token.",
                    {"200": _json(reference("Fetched")), **_problems(400, 401, 403, 413, 415, 422)},
                )
                | {
                    "security": [{}, *BEARER],
                    "requestBody": {
                        "required": True,
                        "content": {"application/json": {"schema": reference("Fetch")}},
                    },
                }
            },
            "/jobs": {
                "get": _operation(
                    "listJobs",
                    "A page of the processed requests, newest first.",
                    {"200": _json(reference("Jobs")), **_problems(400, 404, 503)},
                    [
                        _parameter("limit", "query", _whole_number(1, MAX_PAGE)),
                        _parameter("after", "query", _text(JOB_CURSOR_PATTERN)),
                        _parameter("state", "query", {"enum": list(STATES)}),
                    ],
                )
            },
            "/jobs/{id}": {
                "parameters": [_parameter("id", "path", {"type": "string"})],
                "get": _operation(
                    "showJob",
                    "One processed request, by the Job-Id of its answer.",
                    {"200": _json(reference("Job")), **_problems(400, 404, 503)},
                ),
            },
            "/stream": {
                "get": _operation(
                    "stream",
                    "A response made slowly: chunks, or events that can be resumed, for some seconds.",
                    {"200": STREAM, "204": ENDED, **_problems(400)},
                    [
                        _parameter("format", "query", {"enum": list(FORMATS)}),
                        _parameter("count", "query", _whole_number(1, MAX_COUNT)),
                        _parameter("interval_ms", "query", _whole_number(0, MAX_INTERVAL_MS)),
                        _parameter("heartbeat_ms", "query", _whole_number(10, MAX_INTERVAL_MS)),
                        _parameter("size", "query", _whole_number(1, MAX_CHUNK_BYTES)),
                        _parameter("Last-Event-ID", "header", _text(f"^{LAST_EVENT_ID}$")),
                    ],
                )
            },
            "/openapi.json": {
                "get": _operation("contract", "This document.", {"200": _json({"type": "object"})})
            },
        },
        "components": {
            "schemas": all_schemas(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(
    name: str, summary: str, responses: dict[str, Any], parameters: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    responses = {**_problems(400, 414, 431, 500), **responses}
    return {"operationId": name, "summary": summary, "parameters": parameters or [], "responses": responses}


def _parameter(name: str, place: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "schema": schema}


def _whole_number(least: int, most: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": least, "maximum": most}


def _text(pattern: str, most: int | None = None) -> dict[str, Any]:
    return {"type": "string", "pattern": pattern} | ({} if most is None else {"maxLength": most})


def _conditional(*names: str) -> list[dict[str, Any]]:
    return [_parameter(name, "header", {"type": "string"}) for name in names or CONDITIONAL]


def _download_responses() -> dict[str, Any]:
    whole = {"description": "The whole file.", "content": {"*/*": BINARY}}
    part = {"description": "One range, or several as multipart/byteranges.", "content": {"*/*": BINARY}}
    return {
        "200": whole,
        "206": part,
        "304": {"description": "Unchanged."},
        **_problems(400, 404, 412, 416, 503),
    }


def _head_responses() -> dict[str, Any]:
    statuses = ("200", "304", "400", "404", "412", "414", "431", "500", "503")
    return {status: {"description": "As of GET, without its body."} for status in statuses}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": "Done.", "content": {"application/json": {"schema": schema}}}


def _problems(*statuses: int) -> dict[str, Any]:
    content = {PROBLEM_TYPE: {"schema": reference("Problem")}}
    return {str(status): {"description": "Refused.", "content": content} for status in statuses}
