"""A child that asks with the wire client and prints what it saw; pytest must not import gevent itself.

Arguments: the URL, options as JSON (`connect` and `policy` limits, rates, authority), requests as JSON.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic_ns
from typing import Any

from loadtests.model.samples import KINDS
from loadtests.wire.client import Exchange, Policy, WireClient
from loadtests.wire.connection import Deadlines, resolve_endpoint
from loadtests.wire.failures import WireFailure
from loadtests.wire.message import Expectation, build_request, parse_address


def exchanges(url: str, options: dict[str, Any], requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    target, tls = parse_address(url), None
    if target.tls:
        from loadtests.wire.tls import tls_context

        authority = options.get("authority")
        tls = tls_context(Path(authority) if authority else None, bool(options.get("insecure")))
    endpoint = resolve_endpoint(target, tls, 2 * 10**9, options.get("read_rate"), options.get("send_rate"))
    client = WireClient(endpoint, Policy(None, 5 * 10**9, 10 * 10**9), Deadlines())
    return [one(client, target, ask) for ask in requests]


def one(client: WireClient, target: Any, ask: dict[str, Any]) -> dict[str, Any]:
    body = b"u" * ask["upload"] if "upload" in ask else None

    def pieces() -> Iterator[bytes]:
        for _ in range(ask["stream"]):
            yield b"s" * 1000

    streamed = {"stream": pieces, "stream_length": ask.get("length")} if "stream" in ask else {"body": body}
    request = build_request(target, ask["method"], ask["path"], **streamed)
    body_expected = ask["expected"].encode() if "expected" in ask else None
    request = replace(request, expectation=Expectation(frozenset({200, 204}), body=body_expected))
    seen, progress = bytearray(), Exchange(lambda piece: seen.extend(piece))
    began = monotonic_ns()
    try:
        kind = KINDS[client.exchange(request, False, progress)]
    except WireFailure as failure:
        kind = KINDS[failure.kind]
    return {
        "kind": kind,
        "status": progress.status,
        "received": progress.received,
        "body": bytes(seen[:50]).decode(),
        "connected": progress.connected_ns > 0,
        "seconds": (monotonic_ns() - began) / 1e9,
        "first_s": (progress.first_ns - progress.sent_ns) / 1e9,
    }


def main() -> None:
    print(json.dumps(exchanges(sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3]))))


if __name__ == "__main__":
    main()
