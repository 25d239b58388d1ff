"""An upload whose task is cancelled natively, as uvicorn does at its graceful limit."""

import asyncio
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from asgi_app.application import make_app
from shared.catalogue import Catalogue
from shared.digests import DigestStore
from shared.pools import Pools
from shared.service import Service
from shared.settings import UPLOADS_FOLDER, Settings

BODY = b"new" * 1000


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """The lock under which a file becomes visible: whoever stores one waits for it in a thread."""
    uploads = folder / UPLOADS_FOLDER
    uploads.mkdir(exist_ok=True)
    descriptor = os.open(uploads, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def put_scope() -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "PUT",
        "scheme": "http",
        "path": "/files/new",
        "raw_path": b"/files/new",
        "root_path": "",
        "query_string": b"",
        "headers": [
            (b"host", b"test"),
            (b"authorization", b"Bearer t"),
            (b"content-length", str(len(BODY)).encode()),
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }


def descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


async def cancel_while_storing(folder: Path, cancellations: int) -> None:
    settings = Settings(folder, folder.parent / "state", token="t", jobs=False)  # noqa: S106 - a test's
    catalogue = Catalogue(folder, DigestStore(settings.state))
    app = make_app(Service(settings, catalogue, Pools(1)))
    messages: list[dict[str, Any]] = [{"type": "http.request", "body": BODY, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop(0)

    async def send(message: Any) -> None:
        pass

    before: set[str] = set()
    with held(folder):
        before = descriptors()
        task = asyncio.ensure_future(app(put_scope(), receive, send))
        await asyncio.sleep(0.5)  # by then the thread is at the lock
        assert not messages
        for _ in range(cancellations):
            task.cancel()
            await asyncio.sleep(0.1)
        assert not task.done(), "the upload was given up under the thread that stores it"
        assert os.listdir(folder / UPLOADS_FOLDER)
    await asyncio.wait((task,), timeout=30)
    assert task.done()
    assert (folder / "new").read_bytes() == BODY
    assert os.listdir(folder / UPLOADS_FOLDER) == []
    assert len(descriptors() - before) <= 1, "a descriptor is left"  # the lock's own was closed


@pytest.mark.parametrize("cancellations", [1, 3])
def test_a_cancelled_upload_ends_once_its_thread_has(tmp_path: Path, cancellations: int) -> None:
    folder = tmp_path / "served"
    folder.mkdir()
    asyncio.run(cancel_while_storing(folder, cancellations))
