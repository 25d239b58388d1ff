"""The scenarios in which clients in the background take up the server beside the users that are measured."""

import json
from dataclasses import replace

from loadtests.model.asks import JSON, Ask
from loadtests.model.backgrounds import Traffic
from loadtests.subjects.subject import THINK_MS, Background, Parameter, Scenario, Values
from loadtests.subjects.twins import verification
from loadtests.subjects.twins.scenarios.requests import (
    HEALTH,
    KIB,
    OPERATION,
    WAIT_MS,
    WHERE,
    download,
    process,
    stored_path,
)

EVENTS = 100_000
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


def slow_readers(values: Values) -> Traffic:
    return Traffic(download(values["read_path"]), read_bytes_per_s=max(1, values["read_kib_s"] * KIB))


def slow_senders(values: Values) -> Traffic:
    work = {"operation": "words", "text": "twins " * (values["send_kib"] * KIB // 6)}
    ask = Ask(1, "POST", "/process", "/process words", JSON, json.dumps(work).encode())
    return Traffic(ask, send_bytes_per_s=max(1, values["send_bytes_s"]))


def computing(values: Values) -> Traffic:
    return Traffic(process(1, **{name: values[name] for name in ("operation", "path", "where")}))


def streaming(values: Values) -> Traffic:
    path = f"/stream?format=events&count={EVENTS}&interval_ms={values['event_ms']}"
    return Traffic(Ask(1, "GET", path, "/stream"))


DOWNLOADING = Scenario(
    "", "", "", (), asks=lambda values: [download(values["path"])], verify=verification.stored_file
)
ASKING = Scenario("", "", "", (), asks=lambda values: [HEALTH])

BESIDE = (
    replace(
        DOWNLOADING,
        name="beside-readers",
        question="What do slow readers do to fast clients?",
        mechanism="each slow reader holds a process or a thread on one side, only a task on the other",
        parameters=(READERS, READ_KIB_S, READ_PATH, FAST, THINK_MS),
        background=Background("readers", "readers", slow_readers),
    ),
    replace(
        DOWNLOADING,
        name="beside-senders",
        question="What do slow senders do to fast clients?",
        mechanism="each body that trickles in holds a process or a thread on one side, only a task on the "
        "other",
        parameters=(SENDERS, SEND_BYTES_S, SEND_KIB, FAST, THINK_MS),
        background=Background("senders", "senders", slow_senders),
    ),
    replace(
        DOWNLOADING,
        name="beside-idle",
        question="What do idle connections cost, in memory and in latency?",
        mechanism="what a server keeps for each connection, and what it does to look after them",
        parameters=(IDLE, FAST, THINK_MS),
        background=Background("idle", "idle", lambda values: Traffic(download(values["path"]))),
    ),
    replace(
        ASKING,
        name="beside-cpu",
        question="How do small requests fare beside computing?",
        mechanism="the interpreter lock is shared by threads every 5 ms; an event loop is held until the "
        "work is done",
        parameters=(
            ASKERS,
            OPERATION,
            stored_path("text/1MiB.txt", "path of the file that is worked on"),
            WHERE,
            THINK_MS,
        ),
        background=Background("askers", "askers", computing),
        verify=verification.stored_file,
    ),
    replace(
        ASKING,
        name="beside-waits",
        question="How do small requests fare beside requests that wait?",
        mechanism="a wait holds a slot: a thread, a place in the pool of 40, or the whole loop where it "
        "blocks",
        parameters=(ASKERS, WAIT_MS, THINK_MS),
        background=Background(
            "askers", "askers", lambda v: Traffic(process(1, operation="wait", duration_ms=v["wait_ms"]))
        ),
        wait="wait_ms",
    ),
    replace(
        DOWNLOADING,
        name="beside-streams",
        question="What do long-lived event streams do to fast clients?",
        mechanism="each open stream holds a process or a thread on one side, only a task on the other",
        parameters=(STREAMS, EVENT_MS, FAST, THINK_MS),
        background=Background("streams", "streams", streaming),
    ),
)
