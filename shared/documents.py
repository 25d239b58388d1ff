"""The documents that go in and out, as JSON Schemas: requests from their models, answers written here."""

from typing import Any

from shared.fetching import FAILURES, Fetch
from shared.jobs import STATES
from shared.operations import OPERATIONS, WORK

TEMPLATE = "#/components/schemas/{model}"


def reference(name: str) -> dict[str, str]:
    return {"$ref": TEMPLATE.format(model=name)}


PROBLEM_SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}
EVENT_SCHEMA = {
    "type": "object",
    "required": ["id", "data"],
    "properties": {
        "id": {"type": "string", "pattern": "^[0-9]{1,9}$"},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}
"""One Server-Sent Event."""

FILE_SCHEMA = {
    "type": "object",
    "required": ["path", "size", "modified"],
    "properties": {
        "path": {"type": "string"},
        "size": {"type": "integer", "minimum": 0},
        "modified": {"type": "string"},
    },
}
FETCHED_SCHEMA = {
    "type": "object",
    "required": ["results"],
    "properties": {
        "results": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["url"],
                "properties": {
                    "url": {"type": "string"},
                    "status": {"type": "integer"},
                    "bytes": {"type": "integer", "minimum": 0},
                    "sha256": {"type": "string"},
                    "redirects": {"type": "integer", "minimum": 0},
                    "stored": {"type": "string"},
                    "error": {
                        "type": "object",
                        "required": ["code", "detail"],
                        "properties": {"code": {"enum": list(FAILURES)}, "detail": {"type": "string"}},
                    },
                },
            },
        }
    },
}
PAGE_SCHEMA = {
    "type": "object",
    "required": ["files", "next"],
    "properties": {
        "files": {"type": "array", "items": reference("File")},
        "next": {"type": ["string", "null"]},
    },
}
JOB_SCHEMA = {
    "type": "object",
    "required": ["id", "operation", "state", "created", "finished", "duration_ms", "error"],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "operation": {"enum": list(OPERATIONS)},
        "state": {"enum": list(STATES)},
        "created": {"type": "string", "format": "date-time"},
        "finished": {"type": ["string", "null"], "format": "date-time"},
        "duration_ms": {"type": ["number", "null"]},
        "error": {"type": ["string", "null"]},
    },
}
JOBS_SCHEMA = {
    "type": "object",
    "required": ["jobs", "next"],
    "properties": {
        "jobs": {"type": "array", "items": reference("Job")},
        "next": {"type": ["string", "null"]},
    },
}
READY_SCHEMA = {
    "type": "object",
    "required": ["status", "catalogue", "database"],
    "properties": {
        "status": {"const": "ready"},
        "catalogue": {"const": "readable"},
        "database": {"type": ["object", "null"]},
    },
}


def all_schemas() -> dict[str, Any]:
    """Every schema of the contract by its name."""
    work = WORK.json_schema(ref_template=TEMPLATE)
    fetch = Fetch.model_json_schema(ref_template=TEMPLATE)
    return {
        **work.pop("$defs"),
        **fetch.pop("$defs"),
        "Work": work,
        "Fetch": fetch,
        "Fetched": FETCHED_SCHEMA,
        "File": FILE_SCHEMA,
        "Page": PAGE_SCHEMA,
        "Job": JOB_SCHEMA,
        "Jobs": JOBS_SCHEMA,
        "Readiness": READY_SCHEMA,
        "Problem": PROBLEM_SCHEMA,
    }
