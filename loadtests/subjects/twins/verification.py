"""Verify, then measure: what the service answers, held against the files on disk before any load."""

import hashlib

from loadtests.subjects.served import file_path, served_file
from loadtests.subjects.subject import Response, Verification
from loadtests.subjects.twins.upstream.behaviour import PATTERN, upstream_address

WAIT_MS = 1
SMALL = "random/1KiB.bin"


def stored_file(given: Verification) -> list[str]:
    """The file that the scenario is about; of one of the twins its conditionals and ranges, too."""
    if given.files is None:
        return []
    name = str(given.values["path"])
    wrong, answer = served_file(given.send, name, given.files)
    return wrong if answer is None or not given.full else _conditionals(given, name, answer)


def waiting(given: Verification) -> list[str]:
    """`POST /process` with a wait."""
    if given.files is None:
        return []
    answer = given.send("/process", method="POST", body={"operation": "wait", "duration_ms": WAIT_MS})
    return [] if answer.status == 200 else [f"POST /process with a wait answered {answer.status}, not 200"]


def processing(given: Verification) -> list[str]:
    """`POST /process` with a wait, and with the digest of the scenario's file."""
    if given.files is None:
        return []
    problems, name = waiting(given), str(given.values.get("path") or SMALL)
    expected = hashlib.sha256((given.files / name).read_bytes()).hexdigest()
    answer = given.send("/process", method="POST", body={"operation": "digest", "path": name})
    if answer.status != 200 or expected.encode() not in answer.body:
        problems.append(
            f"POST /process with the digest of {name} answered {answer.status} without its SHA-256"
        )
    return problems


def mixture(given: Verification) -> list[str]:
    """What the mixed scenario asks for: a file, a wait, a digest."""
    return stored_file(given) + processing(given)


def recording(given: Verification) -> list[str]:
    """A processed request, and its record."""
    return _recorded(given)[1]


def job_pages(given: Verification) -> list[str]:
    """As many jobs as a page has, and the last of them on it."""
    name, problems, limit = "", list[str](), int(given.values["limit"])
    for _ in range(limit):
        name, problems = _recorded(given)
        if problems:
            return problems
    answer = given.send(f"/jobs?limit={limit}")
    if answer.status != 200 or answer.body.count(b'"id"') != limit or name.encode() not in answer.body:
        return [f"GET /jobs?limit={limit} answered {answer.status} without the last {limit} jobs"]
    return []


def fetching(given: Verification) -> list[str]:
    """`POST /fetch` of two upstream addresses, by the digests of what they send."""
    sizes, upstream = (0, 1000), str(given.values["upstream"])
    addresses = [{"url": upstream_address(upstream, 0, 0, size)} for size in sizes]
    answer = given.send("/fetch", method="POST", body={"addresses": addresses})
    digests = [hashlib.sha256(PATTERN[:size]).hexdigest().encode() for size in sizes]
    if answer.status != 200 or not all(digest in answer.body for digest in digests):
        return [f"POST /fetch answered {answer.status} without the SHA-256 of what the upstream sends"]
    return []


def _conditionals(given: Verification, name: str, answer: Response) -> list[str]:
    """A 304 to the file's own ETag, and a 206 to a range of it."""
    path, problems = file_path(name), []
    tag = answer.headers.get("etag", "")
    again = given.send(path, headers={"If-None-Match": tag})
    if not tag or again.status != 304:
        problems.append(f"GET {path} with If-None-Match of its own ETag answered {again.status}, not 304")
    part = given.send(path, headers={"Range": "bytes=1-7"})
    if (part.status, part.body) != (206, answer.body[1:8]):
        problems.append(f"GET {path} with Range: bytes=1-7 answered {part.status} and {len(part.body)} bytes")
    return problems


def _recorded(given: Verification) -> tuple[str, list[str]]:
    """Process a request and look up its record: the job's id, and what is wrong with it."""
    answer = given.send("/process", method="POST", body={"operation": "wait", "duration_ms": 0})
    name = answer.headers.get("job-id", "")
    if answer.status != 200 or not name:
        return name, [f"POST /process answered {answer.status} and named no job (is TWINS_JOBS off?)"]
    record = given.send(f"/jobs/{name}")
    if record.status != 200 or b'"state":"done"' not in record.body:
        return name, [f"GET /jobs/{name} answered {record.status} without its state done"]
    return name, []
