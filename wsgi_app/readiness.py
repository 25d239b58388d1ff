"""`/ready` on the WSGI face: whether the catalogue and the database can be used now."""

from shared.jobs import try_write
from shared.readiness import check_catalogue, describe_readiness
from shared.replies import json_reply
from shared.schema import VERSION
from shared.service import Service
from wsgi_app.databases import Database
from wsgi_app.replies import WireResponse, send_reply
from wsgi_app.requests import Environ


def ready(database: Database | None, service: Service, environ: Environ) -> WireResponse:
    check_catalogue(service.catalogue)
    if database is None:
        return send_reply(json_reply(describe_readiness(None, None)))
    rows = database.run(*try_write(database.kind), VERSION)
    return send_reply(json_reply(describe_readiness(database.kind, rows)))
