"""The scenarios of whole files, of processing and of its history."""

from loadtests.model.asks import Ask
from loadtests.subjects.subject import THINK_MS, Parameter, Scenario, Values
from loadtests.subjects.twins import verification
from loadtests.subjects.twins.scenarios.requests import (
    HEALTH,
    OPERATION,
    WAIT_MS,
    WHERE,
    download,
    process,
    stored_path,
)

LARGE_OF_MIXED = "random/1MiB.bin"
CPU_OF_MIXED = "text/64KiB.txt"


def mixed(values: Values) -> list[Ask]:
    work = {"operation": values["operation"], "path": CPU_OF_MIXED, "where": values["where"]}
    return [
        download(values["path"], 70),
        download(LARGE_OF_MIXED, 5),
        process(20, operation="wait", duration_ms=values["wait_ms"]),
        process(5, **work),
    ]


PLAIN = (
    Scenario(
        "health",
        "What does a request cost when the application does almost nothing?",
        "parsing, routing and one small JSON answer",
        (THINK_MS,),
        asks=lambda values: [HEALTH],
    ),
    Scenario(
        "download-small",
        "How many small files can be downloaded per second?",
        "the cost of a request: headers, conditionals, one body handed over in one piece",
        (stored_path("random/1KiB.bin"), THINK_MS),
        asks=lambda values: [download(values["path"])],
        verify=verification.stored_file,
    ),
    Scenario(
        "download-large",
        "How fast do large files leave the server?",
        "moving bytes: up to 1 MiB from memory on both sides; beyond, kernel sendfile on one side, "
        "cached reads without a thread hop on the other",
        (stored_path("random/1MiB.bin"), THINK_MS),
        asks=lambda values: [download(values["path"])],
        verify=verification.stored_file,
    ),
    Scenario(
        "process-wait",
        "How many requests can wait for something else at the same time?",
        "slots: each waiting request holds a process, a thread or only a task",
        (WAIT_MS, THINK_MS),
        asks=lambda values: [process(1, operation="wait", duration_ms=values["wait_ms"])],
        verify=verification.waiting,
        wait="wait_ms",
        words=lambda values: f"POST that waits {values['wait_ms']} ms",
    ),
    Scenario(
        "process-cpu",
        "What happens when the work is computing?",
        "the interpreter lock and the event loop under CPU work",
        (OPERATION, stored_path("text/64KiB.txt"), WHERE, THINK_MS),
        asks=lambda values: [
            process(1, operation=values["operation"], path=values["path"], where=values["where"])
        ],
        verify=verification.processing,
        words=lambda values: f"POST that computes: {values['operation']} of {values['path']}",
    ),
    Scenario(
        "jobs-write",
        "What does it cost to record a request in the database?",
        "two short writes around no work: a lock, a thread hop or a round trip, and a commit each",
        (THINK_MS,),
        asks=lambda values: [process(1, operation="wait", duration_ms=0)],
        verify=verification.recording,
        words=lambda values: "POST that is recorded in the database",
        records=True,
        waits_for="database",
    ),
    Scenario(
        "jobs-read",
        "How fast are pages read from the database?",
        "one query in the order of the primary key, its rows made into JSON",
        (Parameter("limit", 20, "jobs", "jobs on a page, from 1 to 1000"), THINK_MS),
        asks=lambda values: [Ask(1, "GET", f"/jobs?limit={values['limit']}", "/jobs")],
        verify=verification.job_pages,
        records=True,
        waits_for="database",
    ),
    Scenario(
        "mixed",
        "How do short requests fare among long ones?",
        "downloads, waits and CPU work sharing the same slots: 70 % small and 5 % large downloads, "
        "20 % waits, 5 % CPU work",
        (stored_path("random/1KiB.bin", "path of the small file"), WAIT_MS, OPERATION, WHERE, THINK_MS),
        asks=mixed,
        verify=verification.mixture,
        files=(LARGE_OF_MIXED, CPU_OF_MIXED),
        words=lambda values: (
            f"70 % small and 5 % large downloads, 20 % waits of {values['wait_ms']} ms, 5 % computing"
        ),
        wait="wait_ms",
    ),
)
