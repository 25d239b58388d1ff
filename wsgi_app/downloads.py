"""`/files` on the WSGI face: a page of the catalogue, and downloads handed to the server's `sendfile`."""

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from io import FileIO
from typing import Any

from shared.catalogue import Catalogue, Opened
from shared.downloads import DECIDING, DownloadPlan, in_memory, plan_download
from shared.errors import Unavailable
from shared.listing import list_page, read_page_query
from shared.ranges import ByteRange
from shared.reading import read_cached, read_waiting
from shared.replies import json_reply
from shared.service import Service
from wsgi_app import greenlets
from wsgi_app.greenlets import aside
from wsgi_app.hashing import digested
from wsgi_app.replies import WireResponse, send_reply
from wsgi_app.requests import Environ, deciding_headers, environ_keys, path_after, query_values

SMALL_BYTES = 128 * 1024  # below, one read and one send cost less than a sendfile's set-up
BLOCK_BYTES = 256 * 1024
NAMES = environ_keys(DECIDING)


def list_files(service: Service, environ: Environ) -> WireResponse:
    limit, after = read_page_query(query_values(environ))
    return send_reply(json_reply(aside(list_page, service.catalogue, limit, after)))


def download(service: Service, environ: Environ) -> WireResponse:
    name = path_after(environ, "/files/")
    method, headers = environ["REQUEST_METHOD"], deciding_headers(environ, NAMES)
    answer = from_memory(service, name, method, headers)
    if answer is not None:
        return answer
    opened = service.catalogue.open_known(name)
    if opened is None:
        opening = partial(aside, service.catalogue.open, name)
        opened = digested(environ.get("gunicorn.socket"), opening)
    try:
        plan = plan_download(opened.entry, method, headers)
        file_wrapper = None if greenlets.serving() else environ.get("wsgi.file_wrapper")
        return WireResponse(
            plan.status, plan.headers, _body(service.catalogue, plan, opened, method, file_wrapper)
        )
    except BaseException:
        os.close(opened.descriptor)
        raise


def from_memory(service: Service, name: str, method: str, headers: Mapping[str, str]) -> WireResponse | None:
    """The answer about a file that is kept in memory; None where it must be opened."""
    kept = service.catalogue.kept(name)
    if kept is None:
        return None
    plan = plan_download(kept.entry, method, headers)
    return WireResponse(plan.status, plan.headers, [in_memory(plan, method, kept.content)])


def _body(
    catalogue: Catalogue,
    plan: DownloadPlan,
    opened: Opened,
    method: str,
    file_wrapper: Callable[..., Any] | None,
) -> Any:
    """The body as the server sends it fastest; closes the file at its end.

    A list is what PEP 3333 servers may join and send at once. gevent's `sendfile` is none: it reads and
    sends 8 KiB at a time, on the hub, and was slower than blocks of 128 KiB to 1 MiB from the page cache.
    """
    if method == "HEAD" or not plan.segments:
        os.close(opened.descriptor)
        return []
    kept = plan.status == 200 and catalogue.keeps(opened.entry)
    if kept or plan.length <= SMALL_BYTES:
        parts = [part if isinstance(part, bytes) else read(opened.descriptor, part) for part in plan.segments]
        if kept:
            catalogue.keep(opened, parts[0])
        os.close(opened.descriptor)
        return [parts[0] if len(parts) == 1 else b"".join(parts)]
    part = plan.only_range
    if part is not None and file_wrapper is not None:
        os.lseek(opened.descriptor, part.start, os.SEEK_SET)
        return file_wrapper(SentFile(opened.descriptor, part.end), BLOCK_BYTES)
    return Segments(plan, opened.descriptor)


class SentFile(FileIO):
    """A file for `sendfile` up to `end`; closing it says whether so much was there to send."""

    def __init__(self, descriptor: int, end: int) -> None:
        super().__init__(descriptor)
        self._end = end

    def close(self) -> None:
        """Raise Unavailable where the file was cut short: gunicorn then ends the connection, which it
        would otherwise keep, with the client waiting for the rest."""
        if self.closed:
            return
        cut_short = os.fstat(self.fileno()).st_size < self._end
        super().close()
        if cut_short:
            raise Unavailable("The file became shorter while it was sent.")


class Segments:
    """The bytes and file ranges of a multipart plan; closing it closes the file."""

    def __init__(self, plan: DownloadPlan, descriptor: int) -> None:
        self._plan = plan
        self._descriptor = descriptor

    def __iter__(self) -> Iterator[bytes]:
        for segment in self._plan.segments:
            if isinstance(segment, bytes):
                yield segment
                continue
            for start in range(segment.start, segment.end, BLOCK_BYTES):
                yield read(self._descriptor, ByteRange(start, min(BLOCK_BYTES, segment.end - start)))

    def close(self) -> None:
        os.close(self._descriptor)


def read(descriptor: int, part: ByteRange) -> bytes:
    """A stretch of the file; under gevent, a disk is waited for aside."""
    if not greenlets.serving():
        return read_waiting(descriptor, part)
    data = read_cached(descriptor, part)
    return aside(read_waiting, descriptor, part) if data is None else bytes(data)
