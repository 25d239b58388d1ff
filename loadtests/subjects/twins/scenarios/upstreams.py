"""The scenarios in which the server under test waits for others."""

import json

from loadtests.model.asks import JSON, Ask
from loadtests.subjects.subject import THINK_MS, Companion, Parameter, Scenario, Values
from loadtests.subjects.twins import verification
from loadtests.subjects.twins.upstream.behaviour import upstream_address

UPSTREAM = Companion("upstream", "loadtests.subjects.twins.upstream", "/hits")


def fan_out(values: Values) -> list[Ask]:
    """POST /fetch; every answer must have the upstream's body, by its digest, for each address."""
    latency_ms, size = values["latency_ms"], values["upstream_bytes"]
    addresses = [
        {"url": upstream_address(values["upstream"], number, latency_ms, size)}
        for number in range(values["addresses"])
    ]
    name = f"/fetch {len(addresses)} addresses"
    body = json.dumps({"addresses": addresses}).encode()
    return [Ask(1, "POST", "/fetch", name, JSON, body, check="body", statuses=(200,))]


UPSTREAMS = (
    Scenario(
        "fan-out",
        "How many upstream calls can a service make at the same time?",
        "each request waits for several upstreams at once: a thread for each of them, or a task, and the "
        "client library's own work",
        (
            Parameter("addresses", 10, "addresses", "upstream addresses of each request"),
            Parameter("latency_ms", 20, "ms", "how long each upstream takes to answer"),
            Parameter("upstream_bytes", 1024, "B", "bytes of each upstream's answer"),
            Parameter(
                "upstream",
                "http://127.0.0.1:8003",
                "",
                "where the upstream is; the laboratory starts its own",
            ),
            THINK_MS,
        ),
        asks=fan_out,
        verify=verification.fetching,
        companion=UPSTREAM,
        waits_for="upstream",
        calls=lambda values: int(values["addresses"]),
    ),
)
