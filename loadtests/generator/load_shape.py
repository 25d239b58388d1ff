"""Users of the closed loop over time, as a Locust load shape."""

from locust import LoadTestShape


def parse_stages(text: str) -> list[tuple[int, float]]:
    """Read `8x10,32x10` as users and seconds; raises ValueError with one plain sentence."""
    stages = []
    for part in text.split(","):
        users, _, seconds = part.strip().partition("x")
        if not users.isdigit() or not seconds.replace(".", "", 1).isdigit():
            raise ValueError(f"--twins-stages is '{text}': it looks like 8x10,32x10, users x seconds.")
        stages.append((int(users), float(seconds)))
    return stages


class UserStages(LoadTestShape):
    """Holds each stage's number of users for its time; the last one stays."""

    abstract = True  # Locust would otherwise run it whenever the locustfile names it

    def __init__(self, stages: list[tuple[int, float]]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Locust's shapes have no types
        self._stages = stages

    def tick(self) -> tuple[int, float]:
        elapsed_s = self.get_run_time()  # type: ignore[no-untyped-call]  # as above
        for users, seconds in self._stages:
            if elapsed_s < seconds:
                return users, float(max(1, users))
            elapsed_s -= seconds
        last = self._stages[-1][0]
        return last, float(max(1, last))
