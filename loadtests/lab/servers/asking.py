"""Requests before and beside the load, each on a connection of its own, with the standard library."""

import http.client
import json
import ssl
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from loadtests.lab.plan_server import PlanServer
from loadtests.model.protocol import request_target
from loadtests.subjects.subject import Response, Scenario, Values, Verification


def send(
    url: str,
    path: str,
    *,
    method: str = "GET",
    body: Any = None,
    headers: Mapping[str, str] = {},
    timeout_s: float = 10,
    trust: ssl.SSLContext | None = None,
) -> Response:
    """One request, `body` as JSON; raises OSError, or http.client.HTTPException for nonsense.

    `trust` is what a certificate is held against, the system's authorities where it is None.
    """
    place = urlsplit(url)
    host, port = place.hostname or "", place.port
    connection = (
        http.client.HTTPSConnection(host, port, timeout=timeout_s, context=trust)
        if place.scheme == "https"
        else http.client.HTTPConnection(host, port, timeout=timeout_s)
    )
    sent = dict(headers)
    data = None
    if body is not None:
        data, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
    try:
        connection.request(method, request_target(place.path.rstrip("/") + path), body=data, headers=sent)
        response = connection.getresponse()
        answer_headers = {name.lower(): value for name, value in response.getheaders()}
        return Response(response.status, answer_headers, response.read())
    finally:
        connection.close()


def read_health(url: str, path: str, timeout_s: float = 2) -> dict[str, Any] | None:
    """What a server says of itself; None until it answers 200, `{}` where its answer is not a JSON object."""
    try:
        answer = send(url, path, timeout_s=timeout_s)
    except (OSError, http.client.HTTPException):
        return None
    if answer.status != 200:
        return None
    try:
        document = json.loads(answer.body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def trust_of(planned: PlanServer) -> ssl.SSLContext | None:
    """What a server's certificate is held against; None over plain HTTP."""
    if not planned.secure:
        return None
    context = ssl.create_default_context(cafile=planned.ca)
    context.set_alpn_protocols(["http/1.1"])
    if planned.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def violations(
    url: str,
    scenario: Scenario,
    values: Values,
    files: Path | None,
    *,
    full: bool,
    trust: ssl.SSLContext | None = None,
) -> list[str]:
    """What a server answers wrongly of what the scenario will ask; [] where all is as it should be.

    `files` is the folder the server serves, None for a server of unknown content; `full` says that it is
    held to everything its subject promises.
    """
    if scenario.verify is None:
        return []
    try:
        return scenario.verify(Verification(partial(send, url, trust=trust), values, files, full))
    except (OSError, http.client.HTTPException) as error:
        return [f"the server broke off while its contract was verified: {error or type(error).__name__}"]
