"""Where a fetch connects to, and in whose name."""

import pytest

from shared.fetching import Failure, choose_ip, wire
from shared.origins import Origin, read_address

ORIGIN = Origin("https", "a.example", 443)
PUBLIC = ["93.184.215.14", "2606:4700::1111"]


def test_each_attempt_connects_to_the_next_address() -> None:
    found = ["10.0.0.1", *PUBLIC]  # the private one is passed over
    chosen = [choose_ip(ORIGIN, found, attempt, frozenset({ORIGIN})) for attempt in (1, 2, 3)]
    assert chosen == [*PUBLIC, PUBLIC[0]]


@pytest.mark.parametrize(("found", "code"), [([], "no-such-host"), (["::ffff:10.0.0.1"], "private-address")])
def test_a_name_that_leads_nowhere_or_inside(found: list[str], code: str) -> None:
    with pytest.raises(Failure, match=code):
        choose_ip(ORIGIN, found, 1, frozenset({ORIGIN}))


@pytest.mark.parametrize(
    ("url", "ip", "connected", "host", "server_name"),
    [
        ("https://a.example/x?y", PUBLIC[0], f"https://{PUBLIC[0]}:443/x?y", "a.example", "a.example"),
        ("https://a.example:8443", PUBLIC[1], f"https://[{PUBLIC[1]}]:8443/", "a.example:8443", "a.example"),
        ("http://a.example/", PUBLIC[0], f"http://{PUBLIC[0]}:80/", "a.example", None),
        (f"https://{PUBLIC[0]}/", PUBLIC[0], f"https://{PUBLIC[0]}:443/", PUBLIC[0], None),
    ],
)
def test_a_request_goes_to_the_checked_address_in_the_name_of_its_host(
    url: str, ip: str, connected: str, host: str, server_name: str | None
) -> None:
    """TLS is told the name too: the certificate must be for it."""
    sent = wire(read_address(url), ip)
    assert (sent.url, dict(sent.headers)["Host"], sent.server_name) == (connected, host, server_name)
