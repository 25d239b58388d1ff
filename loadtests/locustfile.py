"""The scenarios for Locust: `locust -f loadtests/locustfile.py --host URL [UserClass…]`, web UI included."""

from locust import events

from loadtests.generator.hooks import install
from loadtests.subjects.twins.scenarios.users import (
    DownloadLarge,
    DownloadSmall,
    Get,
    Health,
    JobsRead,
    JobsWrite,
    Mixed,
    ProcessCpu,
    ProcessWait,
)
from loadtests.subjects.twins.scenarios.users_beside import (
    BesideCpu,
    BesideIdle,
    BesideReaders,
    BesideSenders,
    BesideStreams,
    BesideWaits,
)
from loadtests.subjects.twins.scenarios.users_of_files import (
    Churn,
    Conditional,
    DownloadCold,
    Range,
    Resume,
    Upload,
)
from loadtests.subjects.twins.scenarios.users_of_upstreams import FanOut

__all__ = [
    "BesideCpu",
    "BesideIdle",
    "BesideReaders",
    "BesideSenders",
    "BesideStreams",
    "BesideWaits",
    "Churn",
    "Conditional",
    "DownloadCold",
    "DownloadLarge",
    "DownloadSmall",
    "FanOut",
    "Get",
    "Health",
    "JobsRead",
    "JobsWrite",
    "Mixed",
    "ProcessCpu",
    "ProcessWait",
    "Range",
    "Resume",
    "Upload",
]

install(events)
