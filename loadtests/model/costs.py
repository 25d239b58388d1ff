"""What a request and a connection cost the server, from its probes and the raw samples (pure).

Each figure is None where it cannot be had, never zero.
"""

from loadtests.model.records import SideProbe

FEWEST_CONNECTIONS = 16  # below it the memory of a few requests in flight decides, not that of connections


def cpu_ms_per_request(side: SideProbe | None, count: int) -> float | None:
    """CPU milliseconds of the server, user and system, over responses that ended well while measuring."""
    seconds = cpu_s(side)
    return seconds * 1e3 / count if seconds is not None and count else None


def requests_per_s_per_core(side: SideProbe | None, count: int) -> float | None:
    """Throughput over the cores that the server kept busy: successful responses per CPU second."""
    seconds = cpu_s(side)
    return count / seconds if seconds and count else None


def memory_per_connection_bytes(side: SideProbe | None, *, fresh: bool) -> float | None:
    """Growth of the resident set, from before the load to its peak, over the most connections.

    It holds what a connection's request holds too. Only a `fresh` server, which served no cell before, shows
    it: what earlier cells have made it keep is not given back, and does not grow again.
    """
    if side is None or not fresh or (side.sockets_peak or 0) < FEWEST_CONNECTIONS:
        return None
    if side.rss_start_bytes is None or side.rss_peak_bytes is None or not side.sockets_peak:
        return None
    growth = side.rss_peak_bytes - side.rss_start_bytes
    return growth / side.sockets_peak if growth > 0 else None


def cpu_s(side: SideProbe | None) -> float | None:
    if side is None or side.cpu_user_s is None or side.cpu_system_s is None:
        return None
    return side.cpu_user_s + side.cpu_system_s
