"""The scenarios in which clients in the background take up the server beside the users that are measured."""

from loadtests.subjects.subject import (
    OPERATION,
    THINK_MS,
    WAIT_MS,
    WHERE,
    Background,
    Parameter,
    Scenario,
    stored_path,
)

FAST = stored_path("random/1KiB.bin", "path of the small file that the users download")
READERS = Parameter("readers", 64, "clients", "slow readers in the background; 0 for none")
READ_KIB_S = Parameter("read_kib_s", 64, "KiB/s", "how fast each of them reads")
READ_PATH = Parameter(
    "read_path", "random/16MiB.bin", "", "what they read: larger than the kernel's buffers", stored=True
)
SENDERS = Parameter("senders", 64, "clients", "slow senders in the background; 0 for none")
SEND_BYTES_S = Parameter("send_bytes_s", 1024, "B/s", "how fast each of them sends")
SEND_KIB = Parameter("send_kib", 64, "KiB", "length of the text that each of them sends")
IDLE = Parameter("idle", 1000, "connections", "idle keep-alive connections; 0 for none")
ASKERS = Parameter(
    "askers", 2, "clients", "clients that ask for work, one request after the other; 0 for none"
)
STREAMS = Parameter("streams", 64, "clients", "streams of events in the background; 0 for none")
EVENT_MS = Parameter("event_ms", 100, "ms", "time between two events of a stream")

BESIDE_SCENARIOS = (
    Scenario(
        "beside-readers",
        "BesideReaders",
        "What do slow readers do to fast clients?",
        "each slow reader holds a process or a thread on one side, only a task on the other",
        (READERS, READ_KIB_S, READ_PATH, FAST, THINK_MS),
        background=Background("readers", "readers"),
    ),
    Scenario(
        "beside-senders",
        "BesideSenders",
        "What do slow senders do to fast clients?",
        "each body that trickles in holds a process or a thread on one side, only a task on the other",
        (SENDERS, SEND_BYTES_S, SEND_KIB, FAST, THINK_MS),
        background=Background("senders", "senders"),
    ),
    Scenario(
        "beside-idle",
        "BesideIdle",
        "What do idle connections cost, in memory and in latency?",
        "what a server keeps for each connection, and what it does to look after them",
        (IDLE, FAST, THINK_MS),
        background=Background("idle", "idle"),
    ),
    Scenario(
        "beside-cpu",
        "BesideCpu",
        "How do small requests fare beside computing?",
        "the interpreter lock is shared by threads every 5 ms; an event loop is held until the work is done",
        (
            ASKERS,
            OPERATION,
            stored_path("text/1MiB.txt", "path of the file that is worked on"),
            WHERE,
            THINK_MS,
        ),
        background=Background("askers", "askers"),
    ),
    Scenario(
        "beside-waits",
        "BesideWaits",
        "How do small requests fare beside requests that wait?",
        "a wait holds a slot: a thread, a place in the pool of 40, or the whole loop where it blocks",
        (ASKERS, WAIT_MS, THINK_MS),
        background=Background("askers", "askers"),
    ),
    Scenario(
        "beside-streams",
        "BesideStreams",
        "What do long-lived event streams do to fast clients?",
        "each open stream holds a process or a thread on one side, only a task on the other",
        (STREAMS, EVENT_MS, FAST, THINK_MS),
        background=Background("streams", "streams"),
    ),
)
