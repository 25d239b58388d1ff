"""The published schemas of `summary.json` (JSON Schema) and `summary.csv` (Table Schema).

`python -m loadtests.report.schemas` writes them again after a change of the models.
"""

import json
from pathlib import Path
from typing import Any

from loadtests.analysis.metrics import METRICS
from loadtests.analysis.summary import Summary
from loadtests.archive import write_text
from loadtests.report.documents import SUMMARY_SCHEMA
from loadtests.report.tables import COUNTS, FIXED

DIRECTORY = Path(__file__).parent / "templates"
NUMBERS = {"level", "duration_s"}
WHOLE = {"block", "requests", "failures", "censored", "dropped", "latency_samples"}


def summary_schema() -> dict[str, Any]:
    """The model's, with the name by which a document says that it keeps it."""
    schema = Summary.model_json_schema()
    name = {"const": SUMMARY_SCHEMA, "type": "string", "description": "this schema; `twins schema summary`"}
    schema["properties"] = {"$schema": name, **schema["properties"]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SUMMARY_SCHEMA,
        **schema,
    }


def table_schema() -> dict[str, Any]:
    """Frictionless Table Schema; an empty field is a figure that could not be had."""
    fields = [{"name": name, "type": _type(name)} for name in (*FIXED, *COUNTS)]
    fields += [
        {"name": metric.column, "type": "number", "title": metric.label, "unit": metric.unit}
        for metric in METRICS.values()
    ]
    return {"fields": fields, "missingValues": [""], "primaryKey": ["run", "cell"]}


def texts() -> dict[str, str]:
    """File name to text of each published schema."""
    documents = {"summary.schema.json": summary_schema(), "summary.csv.schema.json": table_schema()}
    return {name: json.dumps(document, indent=1) + "\n" for name, document in documents.items()}


def _type(name: str) -> str:
    return "number" if name in NUMBERS else "integer" if name in WHOLE else "string"


if __name__ == "__main__":
    for file_name, schema in texts().items():
        write_text(DIRECTORY / file_name, schema)
