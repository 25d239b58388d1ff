"""Clients beside the users that are measured: the kinds there are, and what each of them does to a server."""

from dataclasses import dataclass

from loadtests.model.asks import Ask

READY_S = 30.0  # in which the clients in the background are to be at work, before the warm-up


@dataclass(frozen=True)
class BackgroundKind:
    """Those that hold keep the server at a request all the while; an endless answer is never whole.

    An idle client keeps its connection open without a request. Of those to be answered one must have been.
    """

    name: str
    holds: bool = True
    endless: bool = False
    idle: bool = False
    answered: bool = False


BACKGROUNDS = {
    kind.name: kind
    for kind in (
        BackgroundKind("readers"),
        BackgroundKind("senders"),
        BackgroundKind("idle", holds=False, idle=True, answered=True),
        BackgroundKind("askers", answered=True),
        BackgroundKind("streams", endless=True),
    )
}


@dataclass(frozen=True)
class Traffic:
    """What the clients in the background do: ask for `ask`, at the rates given, in bytes per second."""

    ask: Ask
    read_bytes_per_s: int | None = None
    send_bytes_per_s: int | None = None
