"""The scenarios in which the server under test waits for others, as descriptions."""

from loadtests.subjects.subject import THINK_MS, Parameter, Scenario

FAN_OUT = Scenario(
    "fan-out",
    "FanOut",
    "How many upstream calls can a service make at the same time?",
    "each request waits for several upstreams at once: a thread for each of them, or a task, and the client "
    "library's own work",
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
    upstream=True,
)


def upstream_address(upstream: str, number: int, latency_ms: int, size: int) -> str:
    """One of several addresses that are alike but for their number."""
    return f"{upstream}/?latency_ms={latency_ms}&bytes={size}&n={number}"
