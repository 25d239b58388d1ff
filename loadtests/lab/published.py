"""The archive's JSON Schemas, shipped in `schemas/`; `python -m loadtests.lab.published` writes them anew."""

import json
from pathlib import Path

from pydantic import BaseModel

from loadtests.archive import write_text
from loadtests.lab.plan import Plan
from loadtests.model.records import CellRecord, GeneratorDocument, Manifest, SearchRecord

DIRECTORY = Path(__file__).with_name("schemas")
DOCUMENTS: dict[str, type[BaseModel]] = {
    "cell": CellRecord,
    "generator": GeneratorDocument,
    "manifest": Manifest,
    "plan": Plan,
    "search": SearchRecord,
}


def schema_text(name: str) -> str:
    """The JSON Schema of a document, as it is shipped."""
    schema = DOCUMENTS[name].model_json_schema()
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=1) + "\n"


if __name__ == "__main__":
    for name in DOCUMENTS:
        write_text(DIRECTORY / f"{name}.schema.json", schema_text(name))
