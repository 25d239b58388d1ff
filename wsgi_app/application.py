"""The Flask application: its routes, its one error handler, nothing of Flask's own beside them."""

import atexit
import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.routing import BaseConverter

from shared.contract import contract_reply
from shared.counters import claim
from shared.errors import ServiceError, unforeseen
from shared.parents import end_with_parent
from shared.routes import answer_options, refuse
from shared.service import Service, make_service
from wsgi_app.databases import Database
from wsgi_app.downloads import download, list_files
from wsgi_app.fetching import choose_clients, fetch
from wsgi_app.greenlets import executors
from wsgi_app.health import health
from wsgi_app.jobs import choose_database, list_jobs, show_job
from wsgi_app.processing import process
from wsgi_app.readiness import ready
from wsgi_app.refusals import prepare_refusal
from wsgi_app.replies import WireResponse, send_problem, send_reply
from wsgi_app.requests import Environ, admit_request, whole_path
from wsgi_app.streams import stream
from wsgi_app.uploads import put, remove

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from wsgi_app.upstreams import Clients

log = logging.getLogger(__name__)
Handler = Callable[[Environ], WireResponse]


class AnyPath(BaseConverter):
    """The rest of the path, slashes and emptiness included."""

    regex = ".*"
    part_isolating = False


class Application(Flask):
    """Flask's routes, whose handlers take the environ as it is and whose answers are sent as they are.

    The contexts, the signals, the session and the hooks around a view function, which no handler here
    uses, would cost more than all the rest of a small download.
    """

    def __init__(self, count: Callable[[], None]) -> None:
        super().__init__("wsgi_app", static_folder=None)
        self.url_map.converters["any_path"] = AnyPath
        self.url_map.merge_slashes = False
        self.count = count
        self.routes = self.url_map.bind("")  # under whatever Host: no route depends on it

    def wsgi_app(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        try:
            response = self.answer(environ)
        except Exception as error:
            response = handle_error(environ, error)
            prepare_refusal(environ)
        return response(environ, start_response)

    def answer(self, environ: Environ) -> WireResponse:
        self.count()
        admit(environ)
        endpoint, _ = self.routes.match(whole_path(environ), environ["REQUEST_METHOD"])
        handler: Any = self.view_functions[endpoint]
        response: WireResponse = handler(environ)
        return response


def make_app(service: Service | None = None) -> Flask:
    """Build the application in the process that serves."""
    service = service or make_service(executors=executors())
    end_with_parent()  # gunicorn's server processes do so by themselves, granian's would keep the port
    app = Application(counting(service))
    clients = choose_clients(service.settings)
    if clients is not None:
        atexit.register(clients.close)
    add_routes(app, service, choose_database(service.settings), clients)
    return app


def add_routes(app: Flask, service: Service, database: Database | None, clients: "Clients | None") -> None:
    def route(path: str, endpoint: str, answer: Handler, *methods: str) -> None:
        app.add_url_rule(path, endpoint, answer, methods=methods, provide_automatic_options=False)

    route("/health", "health", partial(health, service), "GET")
    route("/ready", "ready", partial(ready, database, service), "GET")
    route("/files", "list_files", partial(list_files, service), "GET")
    route("/files/<any_path:name>", "download", partial(download, service), "GET")
    route("/files/<any_path:name>", "put", partial(put, service), "PUT")
    route("/files/<any_path:name>", "remove", partial(remove, service), "DELETE")
    route("/process", "process", partial(process, database, service), "POST")
    route("/fetch", "fetch", partial(fetch, clients, service), "POST")
    route("/jobs", "list_jobs", partial(list_jobs, database, service), "GET")
    route("/jobs/<any_path:name>", "show_job", partial(show_job, database, service), "GET")
    route("/stream", "stream", partial(stream, service), "GET")
    route("/openapi.json", "contract", contract, "GET")


def contract(environ: Environ) -> WireResponse:
    return send_reply(contract_reply())


def counting(service: Service) -> Callable[[], None]:
    """What counts a request for the laboratory; nothing where it does not ask."""
    counters = service.settings.counters
    return claim(counters) if counters else lambda: None


def admit(environ: Environ) -> None:
    """Raise the ServiceError of a request that no route should see."""
    admit_request(environ)
    method = environ["REQUEST_METHOD"]
    # Werkzeug would route these as if they had one slash, and a method in capitals
    if environ["PATH_INFO"].startswith("//") or not method.isupper():
        raise refuse(method, whole_path(environ))


def handle_error(environ: Environ, error: Exception) -> WireResponse:
    """Every refusal and every fault, as a problem document."""
    if isinstance(error, ServiceError):
        return send_problem(error)
    if isinstance(error, HTTPException) and error.code in (404, 405):
        method, path = environ["REQUEST_METHOD"], whole_path(environ)
        reply = answer_options(method, path)
        return send_reply(reply) if reply else send_problem(refuse(method, path))
    log.error("unexpected error", exc_info=error)
    return send_problem(unforeseen(error))
