"""TCP sockets of one port by state, asked of the kernel by `sock_diag` (see sock_diag(7)).

`/proc/net/tcp` would format every socket of the machine, TIME_WAIT included, which costs tens of milliseconds
on a busy machine; here the kernel filters by port and state.
"""

import socket
import struct

NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY = 4, 20
NLM_F_REQUEST_DUMP, NLMSG_ERROR, NLMSG_DONE = 0x301, 2, 3
STATES = (
    "",
    "established",
    "syn-sent",
    "syn-received",
    "fin-wait-1",
    "fin-wait-2",
    "time-wait",
    "close",
    "close-wait",
    "last-ack",
    "listen",
    "closing",
)
WITHOUT_TIME_WAIT = 0xFFF & ~(1 << STATES.index("time-wait")) & ~(1 << STATES.index("listen"))


def sockets_by_state(port: int, *, of_server: bool) -> dict[str, int] | None:
    """Connections whose own port (`of_server`) or peer port is `port`; None where the kernel does not say."""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as netlink:
            netlink.settimeout(0.5)
            counts: dict[str, int] = {}
            for family in (socket.AF_INET, socket.AF_INET6):
                _count(netlink, family, port, of_server, counts)
            return counts
    except (AttributeError, OSError):
        return None


def _count(netlink: socket.socket, family: int, port: int, of_server: bool, counts: dict[str, int]) -> None:
    ports = struct.pack(">HH", port if of_server else 0, 0 if of_server else port)
    query = struct.pack("=BBBxI", family, socket.IPPROTO_TCP, 0, WITHOUT_TIME_WAIT) + ports + bytes(44)
    header = struct.pack("=IHHII", 16 + len(query), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST_DUMP, 1, 0)
    netlink.send(header + query)
    while True:
        data, place = netlink.recv(1 << 20), 0
        while place < len(data):
            length, kind = struct.unpack_from("=IH", data, place)
            if kind == NLMSG_ERROR:
                raise OSError("sock_diag is refused")
            if kind == NLMSG_DONE:
                return
            state = STATES[data[place + 17]]
            counts[state] = counts.get(state, 0) + 1
            place += (length + 3) & ~3
