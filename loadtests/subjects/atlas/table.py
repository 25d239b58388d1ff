"""The table of the atlas: every probe, in the order of its groups."""

from loadtests.subjects.atlas import (
    connections,
    ending,
    framing,
    leaving,
    limits,
    readback,
    requests,
    responses,
    sending,
    targets,
)
from loadtests.subjects.atlas.probe import Probe

PROBES: tuple[Probe, ...] = (
    *connections.PROBES,
    *targets.PROBES,
    *requests.PROBES,
    *limits.PROBES,
    *responses.PROBES,
    *framing.PROBES,
    *sending.PROBES,
    *leaving.PROBES,
    *ending.PROBES,
    *readback.PROBES,
)
GROUPS = tuple(dict.fromkeys(probe.group for probe in PROBES))
