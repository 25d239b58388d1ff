"""The scenarios that move files in other ways than whole and from memory, and that of short connections."""

import os
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256

from loadtests.model.asks import ETAG, Ask, Unprepared
from loadtests.subjects.served import file_path
from loadtests.subjects.subject import THINK_MS, Parameter, Scenario, Values
from loadtests.subjects.twins import verification
from loadtests.subjects.twins.scenarios.requests import KIB, download, stored_path
from shared.settings import SettingError, read_token

OFFSET_KIB = Parameter("offset_kib", 512, "KiB", "where the range begins in the file")
RANGE_KIB = Parameter("range_kib", 64, "KiB", "length of the range")
CUT_KIB = Parameter("cut_kib", 256, "KiB", "how much is read of a download before it is cut")
UPLOAD_KIB = Parameter("upload_kib", 64, "KiB", "size of the uploaded file")
UPLOADED_FILES = 16


def part(values: Values) -> list[Ask]:
    first = values["offset_kib"] * KIB
    end = first + max(1, values["range_kib"] * KIB)
    whole = download(values["path"])
    headers = (("Range", f"bytes={first}-{end - 1}"),)
    return [replace(whole, name=f"{whole.name} range", headers=headers, statuses=(206,), span=(first, end))]


def cut_and_resumed(values: Values) -> list[Ask]:
    """Two requests, the second right after the first; what each of them read is compared with the file."""
    cut = max(1, values["cut_kib"] * KIB)
    whole = download(values["path"])
    rest = replace(
        whole,
        name=f"{whole.name} resumed",
        headers=(("Range", f"bytes={cut}-"), ("If-Range", ETAG)),
        statuses=(206,),
        span=(cut, None),
    )
    return [replace(whole, name=f"{whole.name} cut", cut=cut, then=rest)]


def unchanged(values: Values) -> list[Ask]:
    address = file_path(values["path"])
    headers = (("If-None-Match", ETAG),)
    return [Ask(1, "GET", address, f"{address} unchanged", headers, check="body", statuses=(304,))]


def uploads(values: Values) -> list[Ask]:
    """PUT of one body under a few addresses, so that users seldom wait for each other's file."""
    try:
        token = read_token(os.environ)
    except SettingError as mistake:
        raise Unprepared(str(mistake)) from None
    if token is None:
        raise Unprepared("uploads need a token: set TWINS_TOKEN to that of the server.")
    body = os.urandom(values["upload_kib"] * KIB)
    digest = b64encode(sha256(body).digest()).decode()
    headers = (("Authorization", f"Bearer {token}"), ("Content-Digest", f"sha-256=:{digest}:"))
    upload = Ask(1, "PUT", "", "/files/twins-load", headers, body, statuses=(201, 204), upload=True)
    return [replace(upload, path=f"/files/twins-load/{number:02}.bin") for number in range(UPLOADED_FILES)]


FILES = (
    Scenario(
        "range",
        "What does a part of a file cost?",
        "RFC 9110 range requests: parsing, a 206 head, and a read at an offset",
        (stored_path("random/16MiB.bin"), OFFSET_KIB, RANGE_KIB, THINK_MS),
        asks=part,
        verify=verification.stored_file,
    ),
    Scenario(
        "resume",
        "What does it cost when clients hang up and come back for the rest?",
        "each user cuts a download and goes on with Range and If-Range on a new connection: a response "
        "thrown away on the server's side, then a conditional range",
        (stored_path("random/1MiB.bin"), CUT_KIB, THINK_MS),
        asks=cut_and_resumed,
        verify=verification.stored_file,
    ),
    Scenario(
        "conditional",
        "How cheap is it to say that nothing changed?",
        "If-None-Match answered with 304: the cost of a request without a body",
        (stored_path("random/1MiB.bin"), THINK_MS),
        asks=unchanged,
        verify=verification.stored_file,
    ),
    Scenario(
        "download-cold",
        "How do downloads fare that come from the disk?",
        "the file is dropped from the page cache between requests (posix_fadvise): a blocking read holds a "
        "thread on one side, and would hold the whole event loop on the other",
        (stored_path("random/1MiB.bin"), THINK_MS),
        asks=lambda values: [replace(download(values["path"]), cold=True)],
        verify=verification.stored_file,
        cold=True,
    ),
    Scenario(
        "upload",
        "How many files can be stored per second?",
        "a request body read as it comes, digested, written and synced to the disk before the answer",
        (UPLOAD_KIB, THINK_MS),
        asks=uploads,
        writes=True,
    ),
    Scenario(
        "churn",
        "What does a client cost that connects for each request?",
        "accepting and closing connections: every request asks for Connection: close",
        (stored_path("random/1KiB.bin"), THINK_MS),
        asks=lambda values: [replace(download(values["path"]), close=True)],
        verify=verification.stored_file,
    ),
)
