"""What is asked of the load generator, as one checked value."""

from dataclasses import dataclass
from pathlib import Path

from loadtests.load.schedule import Profile


@dataclass(frozen=True)
class Options:
    """What was asked of the generator; `read_rate` and `send_rate` are in bytes per second.

    The warm-up lasts `warmup_s`; with `warmup_max_s` until the run is steady, that long at the most.
    """

    out: Path | None
    warmup_s: float
    warmup_max_s: float | None
    duration_s: float | None
    drain_s: float
    seed: int
    rate: str | None
    profile: Profile | None
    arrivals: str
    replay: Path | None
    in_flight: int
    stages: str | None
    client: str
    connections: str
    files: Path | None
    connect_timeout_s: float
    first_byte_timeout_s: float
    total_timeout_s: float
    read_rate: int | None
    send_rate: int | None
    digest_one_in: int
    authority: Path | None
    insecure: bool
    requests: Path | None = None

    @property
    def open_loop(self) -> bool:
        return self.profile is not None or self.replay is not None

    @property
    def requests_per_connection(self) -> int | None:
        """None: until the server closes it. In the open loop every arrival is a new user."""
        if self.connections == "keepalive":
            return None
        if self.connections == "user":
            return 1 if self.open_loop else None
        return 1 if self.connections == "close" else int(self.connections)
