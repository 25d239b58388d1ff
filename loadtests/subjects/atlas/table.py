"""The table of the atlas: every probe, in the order of its groups."""

from loadtests.subjects.atlas import connections, ending, leaving, readback, requests, responses
from loadtests.subjects.atlas.probe import Probe

PROBES: tuple[Probe, ...] = (
    *connections.PROBES,
    *requests.PROBES,
    *responses.PROBES,
    *leaving.PROBES,
    *ending.PROBES,
    *readback.PROBES,
)
GROUPS = tuple(dict.fromkeys(probe.group for probe in PROBES))
