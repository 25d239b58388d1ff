"""`/ready` on the ASGI face: whether the catalogue and the database can be used now."""

from anyio.to_thread import run_sync
from fastapi import Request

from asgi_app.databases import Database
from asgi_app.replies import WireResponse, send_reply
from shared.jobs import VERSION
from shared.readiness import check_catalogue, describe_readiness
from shared.replies import json_reply
from shared.service import Service


async def ready(database: Database | None, service: Service, request: Request) -> WireResponse:
    await run_sync(check_catalogue, service.catalogue)
    if database is None:
        return send_reply(json_reply(describe_readiness(None, None)))
    return send_reply(json_reply(describe_readiness(database.kind, await database.run(VERSION))))
