"""A served file, held against the one on disk: `/files/NAME` is NAME in the served folder."""

from pathlib import Path
from urllib.parse import quote

from loadtests.subjects.subject import Response, Send

PREFIX = "/files/"
LARGEST_COMPARED = 16 * 1024 * 1024


def file_path(path: str) -> str:
    """The request path of a stored file, percent-encoded as UTF-8."""
    return PREFIX + quote(path)


def served_file(send: Send, name: str, files: Path) -> tuple[list[str], Response | None]:
    """What is wrong with the answer, and the answer where it is right; of a large file the length alone."""
    path, file = file_path(name), files / name
    try:
        size = file.stat().st_size
        expected = file.read_bytes() if size <= LARGEST_COMPARED else None
    except OSError as error:
        return [f"{name} cannot be read in {files}: {error.strerror}"], None
    if expected is None:
        answer = send(path, method="HEAD")
        wrong = answer.status != 200 or answer.headers.get("content-length") != str(size)
        return [f"HEAD {path} answered {answer.status} without the file's length"] if wrong else [], None
    answer = send(path)
    if answer.status != 200:
        return [f"GET {path} answered {answer.status}, not 200"], None
    if answer.body != expected:
        told = f"({len(answer.body)}, the file {len(expected)})"
        return [f"GET {path} answered other bytes than the file's {told}"], None
    return [], answer
