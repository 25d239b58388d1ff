"""The FastAPI application: its routes, its one error handler, nothing of FastAPI's own beside them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from anyio.to_thread import run_sync
from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from asgi_app import threaded
from asgi_app.databases import Database
from asgi_app.downloads import download, list_files
from asgi_app.fetching import choose_clients, fetch
from asgi_app.hashing import digested
from asgi_app.health import health
from asgi_app.jobs import choose_database, list_jobs, show_job
from asgi_app.processing import process
from asgi_app.readiness import ready
from asgi_app.refusals import ReadingOn, served_by_granian
from asgi_app.replies import WireResponse, send_problem, send_reply
from asgi_app.requests import admit_request, read_body, route_scope, whole_path
from asgi_app.streams import stream
from asgi_app.uploads import put, remove
from shared.contract import contract_reply
from shared.counters import claim
from shared.errors import ServiceError, Unavailable, unforeseen
from shared.parents import end_with_parent
from shared.routes import answer_options, refuse
from shared.service import Service, make_service

if TYPE_CHECKING:
    from asgi_app.upstreams import Clients

log = logging.getLogger(__name__)
Handler = Callable[[Request], Awaitable[WireResponse]]


class WireRoute(APIRoute):
    """A route of FastAPI's whose handler takes the request as it is and whose answer is sent as it is.

    The dependency solver, the response model and the exit stacks, which no handler here uses,
    would cost more than all the rest of a small download.
    """

    def __init__(self, path: str, endpoint: Handler, **options: Any) -> None:
        super().__init__(path, endpoint, **options)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            response = await endpoint(Request(scope, receive))
            await response(scope, receive, send)

        self.app = app


def in_thread(answer: Callable[[Service, Request, bytes], WireResponse]) -> Callable[..., Any]:
    """A plain function as a handler: its body is read on the loop, the rest is done in a thread."""

    async def answer_in_thread(service: Service, request: Request) -> WireResponse:
        body = await read_body(request) if request.method == "POST" else b""
        return await digested(request.receive, partial(run_sync, answer, service, request, body))

    return answer_in_thread


def make_app(service: Service | None = None) -> FastAPI:
    """Build the application in the process that serves."""
    service = service or make_service()
    database = choose_database(service.settings)
    clients = choose_clients(service.settings)
    end_with_parent()  # gunicorn's server processes do so by themselves, others' would keep the port

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        if clients is not None:
            await clients.close()
        service.pools.close()
        if database is not None:
            await database.close()

    app = FastAPI(openapi_url=None, redirect_slashes=False, lifespan=lifespan)
    app.router.route_class = WireRoute
    app.add_middleware(Admission, count=counting(service))
    if served_by_granian():
        app.add_middleware(ReadingOn)
    add_routes(app, service, database, clients)
    app.add_exception_handler(ServiceError, handle_error)
    app.add_exception_handler(HTTPException, handle_error)
    app.add_exception_handler(
        OSError, handle_error
    )  # answered, and the connection kept, as on the other face
    app.add_exception_handler(Exception, handle_error)
    return app


def add_routes(app: FastAPI, service: Service, database: Database | None, clients: "Clients | None") -> None:
    def route(
        path: str, endpoint: str, answer: Callable[..., Awaitable[WireResponse]], *methods: str
    ) -> None:
        app.add_api_route(
            path, partial(answer, service), name=endpoint, methods=list(methods), response_model=None
        )

    route("/health", "health", health, "GET", "HEAD")
    route("/ready", "ready", partial(ready, database), "GET", "HEAD")
    if service.settings.handlers == "threads":
        route("/files", "list_files", in_thread(threaded.list_files), "GET", "HEAD")
        route("/files/{name:path}", "download", in_thread(threaded.download), "GET", "HEAD")
        route("/process", "process", in_thread(partial(threaded.process, database)), "POST")
        route("/fetch", "fetch", in_thread(partial(threaded.fetch, clients)), "POST")
    else:
        route("/files", "list_files", list_files, "GET", "HEAD")
        route("/files/{name:path}", "download", download, "GET", "HEAD")
        route("/process", "process", partial(process, database), "POST")
        route("/fetch", "fetch", partial(fetch, clients), "POST")
    route("/files/{name:path}", "put", put, "PUT")
    route("/files/{name:path}", "remove", remove, "DELETE")
    route("/jobs", "list_jobs", partial(list_jobs, database), "GET", "HEAD")
    route("/jobs/{name:path}", "show_job", partial(show_job, database), "GET", "HEAD")
    route("/stream", "stream", stream, "GET", "HEAD")
    route("/openapi.json", "contract", contract, "GET", "HEAD")


async def contract(service: Service, request: Request) -> WireResponse:
    return send_reply(contract_reply())


def counting(service: Service) -> Callable[[], None]:
    """What counts a request for the laboratory; nothing where it does not ask."""
    counters = service.settings.counters
    return claim(counters) if counters else lambda: None


class Admission:
    """Counts and admits a request before any route sees it."""

    def __init__(self, app: ASGIApp, count: Callable[[], None]) -> None:
        self.app = app
        self.count = count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.count()
            try:
                admit_request(scope)
                scope = route_scope(scope)
            except ServiceError as error:
                await send_problem(error)(scope, receive, send)
                return
        try:
            await self.app(scope, receive, send)
        except asyncio.CancelledError:
            # uvicorn, at its graceful limit: it would answer 500 itself, and log where each task was
            with suppress(RuntimeError):  # a response that has begun breaks off
                await send_problem(Unavailable("The server ended; try again."))(scope, receive, send)


async def handle_error(request: Request, error: Exception) -> Any:
    """Every refusal and every fault, as a problem document."""
    if isinstance(error, ServiceError):
        return send_problem(error)
    if isinstance(error, HTTPException) and error.status_code in (404, 405):
        path = whole_path(request.scope)
        reply = answer_options(request.method, path)
        return send_reply(reply) if reply else send_problem(refuse(request.method, path))
    log.error("unexpected error", exc_info=error)
    return send_problem(unforeseen(error))
