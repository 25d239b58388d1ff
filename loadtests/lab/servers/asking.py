"""Requests before and beside the load, each on a connection of its own, with the standard library."""

import http.client
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

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
) -> Response:
    """One request, `body` as JSON; raises OSError, or http.client.HTTPException for nonsense."""
    place = urlsplit(url)
    secure = place.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(place.hostname or "", place.port, timeout=timeout_s)
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


def violations(url: str, scenario: Scenario, values: Values, files: Path | None, *, full: bool) -> list[str]:
    """What a server answers wrongly of what the scenario will ask; [] where all is as it should be.

    `files` is the folder the server serves, None for a server of unknown content; `full` says that it is
    held to everything its subject promises.
    """
    if scenario.verify is None:
        return []
    try:
        return scenario.verify(Verification(partial(send, url), values, files, full))
    except (OSError, http.client.HTTPException) as error:
        return [f"the server broke off while its contract was verified: {error or type(error).__name__}"]
