"""Any sequence of operations, two clients interleaved: both faces follow one model, and alike."""

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from shared.jobs import STATES
from tests import tally
from tests.contract.conftest import PAIR
from tests.contract.test_processing import process
from tests.faults.downloader import tag_of
from tests.servers import Running, running
from tests.wire import Answer, ask, read_answer, request_bytes

TOKEN = ("Authorization", "Bearer t")
OWN = {"last-modified"}  # each face has its own folder, written at its own time
EXAMPLES, STEPS = (400, 50) if tally.TORTURE else (12, 25)
NAMES = st.sampled_from(["a", "b.txt", "dir/c", "dir/deep/d"])
BODIES = st.binary(max_size=40) | st.builds(lambda byte: byte * 300_000, st.binary(min_size=1, max_size=1))
CLIENTS = st.sampled_from([0, 1])
NOWHERE = "018f0000-0000-7000-8000-000000000000"


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Running]]:
    """One server of each face, each with its own empty folder."""
    first, second = (tmp_path_factory.mktemp(name) for name in PAIR)
    environment = {"TWINS_TOKEN": "t"}
    with (
        running(PAIR[0], first, environment=environment) as one,
        running(PAIR[1], second, environment=environment) as other,
    ):
        yield one, other


class Uploading:
    """An upload of which a part was sent, to both faces."""

    def __init__(self, faces: tuple[Running, Running], name: str, body: bytes, only_new: bool) -> None:
        self.name, self.body, self.only_new = name, body, only_new
        fields = [TOKEN, ("Content-Length", str(len(body)))] + [("If-None-Match", "*")] * only_new
        self.half = len(body) // 2
        self.connections = [socket.create_connection(("127.0.0.1", face.port), timeout=30) for face in faces]
        for connection in self.connections:
            connection.sendall(request_bytes("PUT", f"/files/{name}", fields) + body[: self.half])

    def finish(self) -> list[Answer]:
        for connection in self.connections:
            connection.sendall(self.body[self.half :])
        answers = [read_answer(connection, "PUT") for connection in self.connections]
        self.close()
        return answers

    def close(self) -> None:
        for connection in self.connections:
            connection.close()


@dataclass(frozen=True)
class Recorded:
    """A job as the model has it; `ids` on each face."""

    ids: tuple[str, ...]
    operation: str
    state: str
    error: str | None

    def matches(self, number: int, document: Any) -> bool:
        """Whether a face, by its number, shows this job."""
        shown = (document["id"], document["operation"], document["state"], document["error"])
        return shown == (self.ids[number], self.operation, self.state, self.error)


class Service(RuleBasedStateMachine):
    """The model is a dictionary from names to contents, and a list of jobs, the oldest first."""

    faces: tuple[Running, Running]
    jobs: list[Recorded]  # of all examples: nothing removes them

    def __init__(self) -> None:
        super().__init__()
        self.model: dict[str, bytes] = {}
        self.uploading: dict[int, Uploading] = {}
        self.read_down_to: dict[
            int, tuple[int, list[str]]
        ] = {}  # a client's place among the jobs, its cursors

    def ask(self, method: str, name: str, headers: list[tuple[str, str]], body: bytes = b"") -> Answer:
        fields = [*headers, ("Content-Length", str(len(body)))] if method == "PUT" else headers
        return alike([ask(face.port, method, f"/files/{name}", fields, body) for face in self.faces])

    @rule(name=NAMES, body=BODIES)
    def put(self, name: str, body: bytes) -> None:
        answer = self.ask("PUT", name, [TOKEN], body)
        assert answer.status == (204 if name in self.model else 201)
        assert answer.header("etag") == tag_of(body)
        self.model[name] = body

    @rule(name=NAMES, body=BODIES, seen=BODIES)
    def put_if_unchanged(self, name: str, body: bytes, seen: bytes) -> None:
        current = self.model.get(name)
        answer = self.ask("PUT", name, [TOKEN, ("If-Match", tag_of(seen))], body)
        assert answer.status == (204 if current == seen else 412)
        if current == seen:
            self.model[name] = body

    @rule(name=NAMES, body=BODIES.filter(len), only_new=st.booleans(), client=CLIENTS)
    def begin_upload(self, name: str, body: bytes, only_new: bool, client: int) -> None:
        if client not in self.uploading and not (only_new and name in self.model):
            self.uploading[client] = Uploading(self.faces, name, body, only_new)

    @precondition(lambda self: self.uploading)
    @rule(client=CLIENTS)
    def finish_upload(self, client: int) -> None:
        upload = self.uploading.pop(client, None)
        if upload is None:
            return
        answer = alike(upload.finish())
        if upload.only_new and upload.name in self.model:
            assert answer.status == 412
            return
        assert answer.status == (204 if upload.name in self.model else 201)
        self.model[upload.name] = upload.body

    @precondition(lambda self: self.uploading)
    @rule(client=CLIENTS)
    def abandon_upload(self, client: int) -> None:
        if client in self.uploading:
            self.uploading.pop(client).close()

    @rule(name=NAMES, seen=st.none() | BODIES)
    def delete(self, name: str, seen: bytes | None) -> None:
        current = self.model.get(name)
        answer = self.ask("DELETE", name, [TOKEN] + ([] if seen is None else [("If-Match", tag_of(seen))]))
        if current is None:  # whatever the condition (RFC 9110 section 13.2.1)
            assert answer.status == 404
        elif seen is not None and seen != current:
            assert answer.status == 412
        else:
            assert answer.status == 204
            del self.model[name]

    @rule(name=NAMES, method=st.sampled_from(["GET", "HEAD"]))
    def read(self, name: str, method: str) -> None:
        answer = self.ask(method, name, [])
        content = self.model.get(name)
        assert answer.status == (404 if content is None else 200)
        if content is not None:
            assert answer.header("content-length") == str(len(content))
            assert answer.body == (content if method == "GET" else b"")

    @rule(name=NAMES, first=st.integers(0, 400_000), length=st.integers(1, 300_000), seen=st.none() | BODIES)
    def read_range(self, name: str, first: int, length: int, seen: bytes | None) -> None:
        fields = [("Range", f"bytes={first}-{first + length - 1}")]
        answer = self.ask("GET", name, fields + ([] if seen is None else [("If-Range", tag_of(seen))]))
        content = self.model.get(name)
        if content is None:
            assert answer.status == 404
        elif seen is not None and seen != content:
            assert (answer.status, answer.body) == (200, content)
        elif first >= len(content):
            assert answer.status == 416
        else:
            assert (answer.status, answer.body) == (206, content[first : first + length])

    @rule(name=NAMES, seen=BODIES)
    def read_if_changed(self, name: str, seen: bytes) -> None:
        answer = self.ask("GET", name, [("If-None-Match", tag_of(seen))])
        content = self.model.get(name)
        assert answer.status == (404 if content is None else 304 if content == seen else 200)

    @rule()
    def list_all(self) -> None:
        pages = [json.loads(ask(face.port, "GET", "/files?limit=1000").body) for face in self.faces]
        for page in pages:
            sizes = {file["path"]: file["size"] for file in page["files"]}
            assert sizes == {name: len(body) for name, body in self.model.items()}

    @rule(name=st.none() | NAMES)
    def work(self, name: str | None) -> None:
        """A wait, or the digest of a file, which may not be there."""
        document = (
            {"operation": "wait", "duration_ms": 0} if name is None else {"operation": "digest", "path": name}
        )
        answers = [process(face, document) for face in self.faces]
        found = name is None or name in self.model
        assert alike(answers).status == (200 if found else 404)
        ids = tuple(answer.header("job-id") or "" for answer in answers)
        state, error = ("done", None) if found else ("failed", "Not Found")
        self.jobs.append(Recorded(ids, str(document["operation"]), state, error))

    @rule()
    def work_that_is_none(self) -> None:
        answer = alike([process(face, {"operation": "digset"}) for face in self.faces])
        assert (answer.status // 100, answer.header("job-id")) == (4, None)

    @rule(
        client=CLIENTS,
        limit=st.integers(1, 6),
        state=st.none() | st.sampled_from(STATES),
        onwards=st.booleans(),
    )
    def list_jobs(self, client: int, limit: int, state: str | None, onwards: bool) -> None:
        """The newest, or those after the last page that the client saw, whatever was recorded meanwhile."""
        place, cursors = self.read_down_to.get(client, (0, [])) if onwards else (0, [])
        older = self.jobs[:place] if cursors else self.jobs
        wanted = [job for job in reversed(older) if state in (None, job.state)]
        query = f"limit={limit}" + (f"&state={state}" if state else "")
        following = []
        for number, face in enumerate(self.faces):
            after = f"&after={cursors[number]}" if cursors else ""
            page = json.loads(ask(face.port, "GET", f"/jobs?{query}{after}").body)
            assert len(page["jobs"]) == min(limit, len(wanted))
            assert all(job.matches(number, shown) for job, shown in zip(wanted, page["jobs"], strict=False))
            assert (page["next"] is not None) == (len(wanted) > limit)
            following.append(page["next"])
        if len(wanted) > limit:
            self.read_down_to[client] = (self.jobs.index(wanted[limit - 1]), following)

    @rule(choice=st.integers(0, 1_000_000))
    def show_job(self, choice: int) -> None:
        for number, face in enumerate(self.faces):
            assert ask(face.port, "GET", f"/jobs/{NOWHERE}").status == 404
            if self.jobs:
                job = self.jobs[choice % len(self.jobs)]
                assert job.matches(number, json.loads(ask(face.port, "GET", f"/jobs/{job.ids[number]}").body))

    def teardown(self) -> None:
        for upload in self.uploading.values():
            upload.close()
        for name in self.model:
            self.ask("DELETE", name, [TOKEN])


def alike(answers: list[Answer]) -> Answer:
    """The one answer of both faces."""
    one, other = (
        (status, [field for field in headers if field[0] not in OWN], body)
        for status, headers, body in (answer.comparable() for answer in answers)
    )
    assert one == other
    return answers[0]


@pytest.mark.timeout(1800)
def test_both_faces_follow_the_model(faces: tuple[Running, Running]) -> None:
    machine = type("Both", (Service,), {"faces": faces, "jobs": []})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    for name in PAIR:
        tally.record("any sequence of operations by two clients", name, EXAMPLES, EXAMPLES)
