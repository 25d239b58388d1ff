"""Verify, then measure: a server's answers held against the files on disk, before any load."""

import hashlib
import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from loadtests.model.protocol import request_target, wrong_status
from loadtests.subjects.twins.scenarios.upstreams import upstream_address
from loadtests.subjects.twins.upstream.behaviour import PATTERN

LARGEST_COMPARED = 16 * 1024 * 1024
WAIT_MS = 1


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


def request(
    url: str,
    path: str,
    *,
    method: str = "GET",
    body: Any = None,
    headers: Mapping[str, str] = {},
    timeout_s: float = 10,
) -> Answer:
    """One request on a connection of its own; raises OSError, or http.client.HTTPException for nonsense."""
    place = urlsplit(url)
    secure = place.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(place.hostname or "", place.port, timeout=timeout_s)
    sent = dict(headers)
    data = None
    if body is not None:
        data, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
    try:
        connection.request(method, request_target(place.path.rstrip("/") + path), body=data, headers=sent)
        response = connection.getresponse()
        answer_headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, answer_headers, response.read())
    finally:
        connection.close()


def read_health(url: str, path: str, timeout_s: float = 2) -> dict[str, Any] | None:
    """What a server says of itself; None until it answers 200, `{}` where its answer is not a JSON object."""
    try:
        answer = request(url, path, timeout_s=timeout_s)
    except (OSError, http.client.HTTPException):
        return None
    if answer.status != 200:
        return None
    try:
        document = json.loads(answer.body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def violations(
    url: str, kind: str, parameters: Mapping[str, Any], files: Path | None, *, full: bool
) -> list[str]:
    """What a server answers wrongly of what the scenario `kind` will ask; [] where all is as it should be.

    `files` is the folder the server serves, None for a server of unknown content. `full` says that it is one
    of the twins, whose conditionals and digests are held to the contract as well.
    """
    found: list[str] = []
    try:
        path = str(parameters.get("path", ""))
        if kind == "get":
            found += _any_path(url, path, int(parameters.get("status", 0)), files)
        elif files is not None and path and kind != "process-cpu":
            found += _file(url, path, files, full)
        if files is not None and kind in ("process-wait", "process-cpu", "mixed"):
            found += _process(url, kind, path or "random/1KiB.bin", files)
        if kind == "jobs-write":
            found += _recorded(url)[1]
        if kind == "jobs-read":
            found += _jobs(url, int(parameters["limit"]))
        if kind == "fan-out":
            found += _fetch(url, str(parameters["upstream"]))
    except (OSError, http.client.HTTPException) as error:
        found.append(f"the server broke off while its contract was verified: {error or type(error).__name__}")
    return found


def _any_path(url: str, path: str, status: int, files: Path | None) -> list[str]:
    """The page; where the address is that of a file that is served, the file's very bytes."""
    path = "/" + path.lstrip("/")
    name = unquote(path.partition("?")[0]).removeprefix("/files/")
    if files is not None and path.startswith("/files/") and not status and (files / name).is_file():
        return _file(url, name, files, full=False)
    answer = request(url, path)
    wrong = wrong_status(answer.status, (status,) if status else (), answer.headers.get("location", ""))
    return [f"GET {path} {wrong}; another right status is given by --param status=N"] if wrong else []


def _file(url: str, name: str, files: Path, full: bool) -> list[str]:
    path = "/files/" + quote(name)
    try:
        expected = (files / name).read_bytes() if (files / name).stat().st_size <= LARGEST_COMPARED else None
    except OSError as error:
        return [f"{name} cannot be read in {files}: {error.strerror}"]
    if expected is None:
        answer = request(url, path, method="HEAD")
        length = str((files / name).stat().st_size)
        wrong = answer.status != 200 or answer.headers.get("content-length") != length
        return [f"HEAD {path} answered {answer.status} without the file's length"] if wrong else []
    answer = request(url, path)
    if answer.status != 200:
        return [f"GET {path} answered {answer.status}, not 200"]
    if answer.body != expected:
        return [
            f"GET {path} answered other bytes than the file's ({len(answer.body)}, the file {len(expected)})"
        ]
    if not full:
        return []
    found = []
    tag = answer.headers.get("etag", "")
    again = request(url, path, headers={"If-None-Match": tag})
    if not tag or again.status != 304:
        found.append(f"GET {path} with If-None-Match of its own ETag answered {again.status}, not 304")
    part = request(url, path, headers={"Range": "bytes=1-7"})
    if (part.status, part.body) != (206, expected[1:8]):
        found.append(f"GET {path} with Range: bytes=1-7 answered {part.status} and {len(part.body)} bytes")
    return found


def _recorded(url: str) -> tuple[str, list[str]]:
    """Process a request and look up its record: the job's id, and what is wrong with it."""
    answer = request(url, "/process", method="POST", body={"operation": "wait", "duration_ms": 0})
    name = answer.headers.get("job-id", "")
    if answer.status != 200 or not name:
        return name, [f"POST /process answered {answer.status} and named no job (is TWINS_JOBS off?)"]
    record = request(url, f"/jobs/{name}")
    if record.status != 200 or b'"state":"done"' not in record.body:
        return name, [f"GET /jobs/{name} answered {record.status} without its state done"]
    return name, []


def _jobs(url: str, limit: int) -> list[str]:
    """Record as many jobs as a page has, and look for the last of them on it."""
    name, found = "", list[str]()
    for _ in range(limit):
        name, found = _recorded(url)
        if found:
            return found
    answer = request(url, f"/jobs?limit={limit}")
    if answer.status != 200 or answer.body.count(b'"id"') != limit or name.encode() not in answer.body:
        return [f"GET /jobs?limit={limit} answered {answer.status} without the last {limit} jobs"]
    return []


def _process(url: str, kind: str, name: str, files: Path) -> list[str]:
    found = []
    waited = request(url, "/process", method="POST", body={"operation": "wait", "duration_ms": WAIT_MS})
    if waited.status != 200:
        found.append(f"POST /process with a wait answered {waited.status}, not 200")
    if kind == "process-wait":
        return found
    expected = hashlib.sha256((files / name).read_bytes()).hexdigest()
    digest = request(url, "/process", method="POST", body={"operation": "digest", "path": name})
    if digest.status != 200 or expected.encode() not in digest.body:
        found.append(f"POST /process with the digest of {name} answered {digest.status} without its SHA-256")
    return found


def _fetch(url: str, upstream: str) -> list[str]:
    sizes = (0, 1000)
    addresses = [{"url": upstream_address(upstream, 0, 0, size)} for size in sizes]
    fetched = request(url, "/fetch", method="POST", body={"addresses": addresses})
    digests = [hashlib.sha256(PATTERN[:size]).hexdigest().encode() for size in sizes]
    if fetched.status != 200 or not all(digest in fetched.body for digest in digests):
        return [f"POST /fetch answered {fetched.status} without the SHA-256 of what the upstream sends"]
    return []
