"""Any sequence of operations, two clients' uploads interleaved: both faces follow one model, and alike."""

import json
import socket
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from tests import tally
from tests.contract.conftest import DEEP
from tests.faults.downloader import tag_of
from tests.servers import Running, running
from tests.wire import Answer, ask, read_answer, request_bytes

TOKEN = ("Authorization", "Bearer t")
OWN = {"last-modified"}  # each face has its own folder, written at its own time
EXAMPLES, STEPS = (400, 50) if tally.TORTURE else (12, 25)
NAMES = st.sampled_from(["a", "b.txt", "dir/c", "dir/deep/d"])
BODIES = st.binary(max_size=40) | st.builds(lambda byte: byte * 300_000, st.binary(min_size=1, max_size=1))
CLIENTS = st.sampled_from([0, 1])


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Running]]:
    """One server of each face, each with its own empty folder."""
    first, second = (tmp_path_factory.mktemp(name) for name in DEEP)
    environment = {"TWINS_TOKEN": "t"}
    with (
        running(DEEP[0], first, environment=environment) as one,
        running(DEEP[1], second, environment=environment) as other,
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


class Catalogue(RuleBasedStateMachine):
    """The model is a dictionary from names to contents."""

    faces: tuple[Running, Running]

    def __init__(self) -> None:
        super().__init__()
        self.model: dict[str, bytes] = {}
        self.uploading: dict[int, Uploading] = {}

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
        if seen is not None and seen != current:
            assert answer.status == 412
            return
        assert answer.status == (404 if current is None else 204)
        self.model.pop(name, None)

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
    machine = type("Both", (Catalogue,), {"faces": faces})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    for name in DEEP:
        tally.record("any sequence of operations by two clients", name, EXAMPLES, EXAMPLES)
