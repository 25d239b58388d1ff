"""`/ready` on the ASGI face: whether the catalogue and the database can be used now."""

from anyio.to_thread import run_sync
from fastapi import Request

from asgi_app.databases import Database
from asgi_app.replies import WireResponse, send_reply
from shared.jobs import try_write
from shared.readiness import check_catalogue, describe_readiness
from shared.replies import json_reply
from shared.schema import VERSION
from shared.service import Service


async def ready(database: Database | None, service: Service, request: Request) -> WireResponse:
    await run_sync(check_catalogue, service.catalogue)
    if database is None:
        return send_reply(json_reply(describe_readiness(None, None)))
    rows = await database.run(*try_write(database.kind), VERSION)
    return send_reply(json_reply(describe_readiness(database.kind, rows)))
