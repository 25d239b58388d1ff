"""The scenarios that move files in other ways than whole and from memory, and that of short connections."""

from loadtests.subjects.subject import THINK_MS, Parameter, Scenario, stored_path

OFFSET_KIB = Parameter("offset_kib", 512, "KiB", "where the range begins in the file")
RANGE_KIB = Parameter("range_kib", 64, "KiB", "length of the range")
CUT_KIB = Parameter("cut_kib", 256, "KiB", "how much is read of a download before it is cut")
UPLOAD_KIB = Parameter("upload_kib", 64, "KiB", "size of the uploaded file")

FILE_SCENARIOS = (
    Scenario(
        "range",
        "Range",
        "What does a part of a file cost?",
        "RFC 9110 range requests: parsing, a 206 head, and a read at an offset",
        (stored_path("random/16MiB.bin"), OFFSET_KIB, RANGE_KIB, THINK_MS),
    ),
    Scenario(
        "resume",
        "Resume",
        "What does it cost when clients hang up and come back for the rest?",
        "each user cuts a download and goes on with Range and If-Range on a new connection: a response "
        "thrown away on the server's side, then a conditional range",
        (stored_path("random/1MiB.bin"), CUT_KIB, THINK_MS),
    ),
    Scenario(
        "conditional",
        "Conditional",
        "How cheap is it to say that nothing changed?",
        "If-None-Match answered with 304: the cost of a request without a body",
        (stored_path("random/1MiB.bin"), THINK_MS),
    ),
    Scenario(
        "download-cold",
        "DownloadCold",
        "How do downloads fare that come from the disk?",
        "the file is dropped from the page cache between requests (posix_fadvise): a blocking read holds a "
        "thread on one side, and would hold the whole event loop on the other",
        (stored_path("random/1MiB.bin"), THINK_MS),
        cold=True,
    ),
    Scenario(
        "upload",
        "Upload",
        "How many files can be stored per second?",
        "a request body read as it comes, digested, written and synced to the disk before the answer",
        (UPLOAD_KIB, THINK_MS),
        writes=True,
    ),
    Scenario(
        "churn",
        "Churn",
        "What does a client cost that connects for each request?",
        "accepting and closing connections: every request asks for Connection: close",
        (stored_path("random/1KiB.bin"), THINK_MS),
    ),
)
