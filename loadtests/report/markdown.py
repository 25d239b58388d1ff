"""`report.md`, for pull requests: under 64 KB, the verdicts first."""

from typing import Any


def markdown(document: dict[str, Any]) -> str:
    run = document["runs"][0]
    lines = [f"# {run['run']}: {document['state']}", ""]
    lines += [f"- {sentence['text']}" for sentence in document["sentences"]]
    return "\n".join(lines) + "\n"
