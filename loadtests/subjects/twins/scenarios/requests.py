"""What several scenarios of the twins ask for, and the parameters that they share (pure)."""

import json

from loadtests.model.asks import JSON, Ask
from loadtests.subjects.served import file_path
from loadtests.subjects.subject import Parameter

KIB = 1024
WAIT_MS = Parameter("wait_ms", 50, "ms", "how long the server waits before it answers")
OPERATION = Parameter(
    "operation", "words", "", "the CPU work asked for", choices=("words", "digest", "compress")
)
WHERE = Parameter(
    "where", "inline", "", "where the server does the CPU work", choices=("inline", "threads", "processes")
)
HEALTH = Ask(1, "GET", "/health", "/health", check="contains", contains=b'"status":"ok"')
"""Every server process names its own pid, so only what all have in common is checked."""


def stored_path(default: str, text: str = "path of the file in the server's tree") -> Parameter:
    return Parameter("path", default, "", text, stored=True)


def download(path: str, weight: int = 1) -> Ask:
    """A whole stored file."""
    address = file_path(path)
    return Ask(weight, "GET", address, address, check="body", stored=path)


def process(weight: int, **work: object) -> Ask:
    """An operation of `POST /process`."""
    name = "/process " + " ".join(str(value) for value in work.values())
    return Ask(weight, "POST", "/process", name, JSON, json.dumps(work).encode())
