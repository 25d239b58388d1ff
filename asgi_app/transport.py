"""httpx's client interface over aiohttp's connections and parser.

httpx's own asynchronous transport looks at every connection for each request, and reads through layers in
Python: it collapses under some hundred requests at the same time. This one adds nothing to a request: the
address is sent as it stands, nothing is decoded, followed, remembered or sent again.
"""

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import aiohttp
import httpx
from yarl import URL

BLOCK_BYTES = 64 * 1024
LARGEST_HEAD_BYTES = (
    100 * 1024
)  # httpcore's, for any part of a head or of trailers; aiohttp's own are smaller


@contextmanager
def as_httpx(request: httpx.Request) -> Iterator[None]:
    """aiohttp's errors as those that httpx's own transports raise."""
    try:
        yield
    except TimeoutError as error:
        raise httpx.ReadTimeout(str(error), request=request) from error
    except aiohttp.ClientConnectorError as error:
        raise httpx.ConnectError(str(error), request=request) from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise httpx.ReadError(str(error), request=request) from error


class ResponseBody(httpx.AsyncByteStream):
    """A body as it comes; closing it before its end closes the connection."""

    def __init__(self, request: httpx.Request, response: aiohttp.ClientResponse) -> None:
        self._request = request
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with as_httpx(self._request):
            async for block in self._response.content.iter_chunked(BLOCK_BYTES):
                yield block

    async def aclose(self) -> None:
        self._response.close() if not self._response.content.at_eof() else self._response.release()


class Transport(httpx.AsyncBaseTransport):
    """Connections to the upstreams of one client, at most `limit`; made on first use, in the running loop."""

    def __init__(self, trust: ssl.SSLContext, limit: int) -> None:
        self._trust = trust
        self._limit = limit
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        session = self._session = self._session or self._make()
        timeout = request.extensions["timeout"]
        with as_httpx(request):
            response = await session.request(
                request.method,
                URL(str(request.url), encoded=True),
                headers=request.headers.multi_items(),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(sock_connect=timeout["connect"], sock_read=timeout["read"]),
                server_hostname=request.extensions.get("sni_hostname"),
            )
        stream = ResponseBody(request, response)
        return httpx.Response(
            response.status, headers=list(response.raw_headers), stream=stream, request=request
        )

    def _make(self) -> aiohttp.ClientSession:
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._trust, limit=self._limit),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            max_line_size=LARGEST_HEAD_BYTES,
            max_field_size=LARGEST_HEAD_BYTES,
            max_headers=LARGEST_HEAD_BYTES // len("a:\r\n"),
        )
        session._retry_connection = False  # it would send a request again that we count as sent once
        return session

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()
