"""Probes of how much a request may hold: the length of its target and fields, and their number."""

from collections.abc import Callable

from loadtests.subjects.atlas.handed import probe_of
from loadtests.subjects.atlas.probe import Seen
from loadtests.subjects.atlas.running import Running
from loadtests.subjects.atlas.talk import Gone, request

KIB = (1, 3, 7, 15, 31, 63, 127, 250)


def ladder(sizes: tuple[int, ...], make: Callable[[int], bytes], unit: str) -> Callable[[Running], Seen]:
    """The largest of the sizes that is served, and what the next one is answered with."""

    def ask(server: Running) -> Seen:
        served = 0
        for size in sizes:
            try:
                status = server.ask(make(size)).status
            except Gone:
                return Seen(f"{served} {unit}, then closed")
            server.finish()  # some servers wait for it
            if status >= 400:
                return Seen(f"{served} {unit}, then {status}")
            served = size
        return Seen(f"{served} {unit} or more")

    return ask


PROBES = (
    probe_of(
        "limit-target",
        "How long may a target be?",
        "`GET /…` of 1 KiB to 250 KiB",
        "RFC 9112 section 3: at least 8,000 octets ought to be supported; beyond the limit 414",
        "Whoever sends long queries: a link that works on one server is refused by another.",
        ladder(KIB, lambda size: request("/" + "a" * (size * 1024)), "KiB"),
    ),
    probe_of(
        "limit-field",
        "How long may a field be?",
        "one field of 1 KiB to 250 KiB",
        "none: RFC 9110 section 5.4 leaves it to the server, with a status of 4xx; RFC 6585 has 431",
        "Applications with large cookies or tokens.",
        ladder(KIB, lambda size: request(fields=("X-Long: " + "a" * (size * 1024),)), "KiB"),
    ),
    probe_of(
        "limit-fields",
        "How many fields may a request have?",
        "50 to 1000 fields",
        "none: RFC 9110 section 5.4 leaves it to the server; RFC 6585 has 431",
        "Applications behind several proxies that each add theirs.",
        ladder(
            (50, 98, 120, 250, 500, 1000),
            lambda count: request(fields=tuple(f"X-{number}: 1" for number in range(count))),
            "fields",
        ),
    ),
)
