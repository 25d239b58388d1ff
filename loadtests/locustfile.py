"""The scenarios for Locust: `locust -f loadtests/locustfile.py --host URL [UserClass…]`, web UI included."""

from locust import events

from loadtests.instrument.hooks import install
from loadtests.scenarios.users import (
    DownloadLarge,
    DownloadSmall,
    Get,
    Health,
    Mixed,
    ProcessCpu,
    ProcessWait,
)

__all__ = ["DownloadLarge", "DownloadSmall", "Get", "Health", "Mixed", "ProcessCpu", "ProcessWait"]

install(events)
