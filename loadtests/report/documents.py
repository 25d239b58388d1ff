"""`summary.json` as text: the summary, and first of all the name of the schema that it keeps."""

import json

from loadtests.analysis.summary import SCHEMA_VERSION, Summary

SUMMARY_SCHEMA = f"urn:wsgi-asgi-twins:summary:{SCHEMA_VERSION}"


def summary_text(summary: Summary) -> str:
    """One JSON document with its `$schema`, which `twins schema summary` prints."""
    name = json.dumps({"$schema": SUMMARY_SCHEMA})[1:-1]
    return "{\n " + name + "," + summary.model_dump_json(indent=1)[1:] + "\n"
