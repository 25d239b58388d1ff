"""Plans: what a run measures, as strict models.

A plan is a TOML file. Its first line is a comment of one sentence that says what it is for. Every mistake
is a `PlanError` of one sentence that names the file, the key, the value and the nearest valid name.
"""

from typing import Annotated, Literal, Self
from urllib.parse import parse_qsl

from pydantic import BaseModel, Field, field_validator, model_validator

from loadtests.analysis.metrics import COMPARED
from loadtests.lab.parts import STRICT, Positive
from loadtests.lab.plan_server import PlanServer
from loadtests.model.records import Comparison
from loadtests.subjects.own.requests import PlanFeed, PlanLogin, PlanRequest
from loadtests.subjects.own.sameness import ignored
from loadtests.subjects.own.secrets import sounds_secret

Seconds = Annotated[float, Field(ge=0, le=86_400)]
Rate = Annotated[float, Field(gt=0, le=1_000_000)]


class PlanError(ValueError):
    """A mistake in a plan or in what overrides it; the text is ready for the user."""


class Part(BaseModel):
    model_config = STRICT


class Time(Part):
    """Seconds of each phase of a cell."""

    warmup_s: Seconds = Field(
        default=2.0, description="discarded, at the least; the run must be steady over so long for it to end"
    )
    warmup_max_s: Seconds | None = Field(
        default=None,
        description="a cell that is not steady yet is warmed up for so long at the most, twice warmup_s "
        "where left out; a load that changes over time keeps to warmup_s",
    )
    measure_s: Annotated[float, Field(gt=0, le=86_400)] = 10.0
    drain_s: Seconds = Field(
        default=2.0, description="at most; a cell with nothing in flight goes on at once"
    )
    start_s: Annotated[float, Field(gt=0, le=600)] = Field(
        default=15.0, description="deadline for a server to be ready"
    )
    stop_s: Annotated[float, Field(gt=0, le=600)] = Field(
        default=5.0, description="patience between SIGTERM and SIGKILL"
    )

    @property
    def longest_warmup_s(self) -> float:
        return 2 * self.warmup_s if self.warmup_max_s is None else self.warmup_max_s

    @model_validator(mode="after")
    def _least_first(self) -> Self:
        if self.warmup_max_s and not self.warmup_s:
            raise ValueError("warmup_max_s needs warmup_s: what is steady is judged over that long")
        if self.warmup_max_s is not None and self.warmup_max_s < self.warmup_s:
            raise ValueError(
                f"warmup_max_s is {self.warmup_max_s:g}, and warmup_s is {self.warmup_s:g}: "
                f"the least warmup_max_s is {self.warmup_s:g}"
            )
        return self


class Search(Part):
    """The target of a capacity search and how closely its answer is bracketed."""

    kind: Literal["rate", "users"] = "rate"
    p99_ms: Annotated[float, Field(gt=0)] = Field(
        default=50.0, description="limit of the response time's p99"
    )
    error_share: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.001, description="limit of failures per request"
    )
    send_rate: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.99, description="least share of due requests sent"
    )
    start: Annotated[float, Field(gt=0)] = Field(default=100.0, description="first level tried")
    limit: Annotated[float, Field(gt=0)] = Field(default=100_000.0, description="highest level tried")
    precision: Annotated[float, Field(ge=0.002, lt=1)] = Field(
        default=0.04, description="bracket's width over its low end"
    )
    confirmations: Positive = 3


class Load(Part):
    """How hard the servers are pressed: exactly one of `users`, `rates` and `level = "search"`."""

    users: list[Positive] = []
    rates: list[Rate] = Field(default=[], description="arrivals per second, open loop")
    level: Literal["search"] | None = None
    search: Search = Search()
    arrivals: Literal["poisson", "constant"] = "poisson"
    profile: str | None = Field(
        default=None,
        pattern=r"^[0-9.]+(>[0-9.]+)?(x[0-9.]+)?(,[0-9.]+(>[0-9.]+)?(x[0-9.]+)?)*$",
        description="multiples of the rate over time: steps as 1x10,5x5 or ramps as 1>3x10; the last stays",
    )
    schedule: str | None = Field(
        default=None, description="replay file of arrivals, relative to the plan; `rates` names its level"
    )
    client: Literal["wire", "fasthttp", "http"] = "wire"
    connections: str = Field(default="keepalive", pattern=r"^(keepalive|close|user|[1-9][0-9]*)$")

    @field_validator("users", "rates", mode="before")
    @classmethod
    def _one_level(cls, value: object) -> object:
        return [value] if isinstance(value, (int, float)) else value

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum((bool(self.users), bool(self.rates), self.level is not None)) > 1:
            raise ValueError('takes one of users, rates and level = "search"')
        for key in ("schedule", "profile"):
            if getattr(self, key) is not None and not (
                self.rates or (self.level and self.search.kind == "rate")
            ):
                raise ValueError(
                    f"{key} says when requests arrive, in the open loop alone: give rates beside it"
                )
        if self.schedule is not None and (self.profile is not None or self.arrivals == "constant"):
            raise ValueError("schedule says when each request arrives: leave out profile and arrivals")
        if self.schedule is not None and len(self.rates) != 1:
            raise ValueError("schedule is one level: give one rate beside it, which names it")
        return self


class PlanScenario(Part):
    """A workload of the run; `load` narrows or replaces the plan's own levels."""

    kind: str | None = Field(default=None, description="scenario's name; the entry's own where left out")
    parameters: dict[str, str | int | float] = {}
    load: Load | None = None
    servers: list[str] = Field(default=[], description="only these servers; all where it is empty")
    ignore: list[str] = Field(
        default=[],
        description="what may differ between the answers of two servers to any request: JSON paths such as "
        "$.created, header:NAME, and body for one that is no JSON",
    )
    requests: list[PlanRequest] = Field(
        default=[], description="one's own, drawn by weight, instead of a kind"
    )
    feed: PlanFeed | None = Field(default=None, description="values for the requests, a row each time")
    login: list[PlanLogin] = Field(
        default=[], description="sent once by each user before the warm-up, counted nowhere"
    )
    accounts: PlanFeed | None = Field(default=None, description="values for the login, a row for each user")
    cookies: bool = Field(default=True, description="each user keeps and sends the cookies that it is given")
    sessions: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=100, description="open loop: users that the arrivals are of in turn, each with its login"
    )

    @field_validator("parameters")
    @classmethod
    def _without_secrets(cls, parameters: dict[str, str | int | float]) -> dict[str, str | int | float]:
        """A path is part of names, records and reports."""
        for name, _ in parse_qsl(str(parameters.get("path", "")).partition("?")[2]):
            if sounds_secret(name):
                raise ValueError(
                    f"the query of path has a secret ({name}), and files of a run must not hold one: ask by "
                    f'requests, with query = {{ {name} = "env:NAME" }}'
                )
        return parameters

    @field_validator("ignore")
    @classmethod
    def _ignored(cls, entries: list[str]) -> list[str]:
        ignored(entries)
        return entries

    @field_validator("feed", "accounts", mode="before")
    @classmethod
    def _feed_of_a_name(cls, value: object) -> object:
        return {"file": value} if isinstance(value, str) else value

    @field_validator("login", mode="before")
    @classmethod
    def _one_login(cls, value: object) -> object:
        return [value] if isinstance(value, dict) else value


class Pinning(Part):
    """Which processors each side may use; `auto` gives each one of its own where there are two.

    `shared` gives all to the server and to the generator among them, which may take a tenth of them at most.
    """

    mode: Literal["auto", "none", "shared"] = "auto"
    server_cpus: list[Annotated[int, Field(ge=0)]] = []
    generator_cpus: list[Annotated[int, Field(ge=0)]] = []


class PlanComparison(Comparison):
    """A primary comparison, of a metric that can be compared."""

    metric: str = Field(json_schema_extra={"enum": list(COMPARED)})


class Plan(Part):
    """One run: servers x scenarios x levels, in blocks."""

    description: str = ""
    matched: Literal["capacity-matched", "as shipped"] = "capacity-matched"
    quick: bool = Field(default=False, description="too short for comparison with other runs")
    blocks: Annotated[int, Field(ge=1, le=1000)] = 5
    starts: Literal["block", "cell"] = Field(
        default="block",
        description="how often a server is started fresh: for each block, or for each cell where what "
        "earlier cells leave behind would count, such as memory",
    )
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1
    error_share: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.001, description="share of requests that may fail; a cell where more do is no number"
    )
    probes: bool = Field(default=True, description="read resources of both sides once a second")
    time: Time = Time()
    load: Load = Load()
    pinning: Pinning = Pinning()
    servers: dict[str, PlanServer] = Field(min_length=1)
    scenarios: dict[str, PlanScenario] = Field(min_length=1)
    compare: list[PlanComparison] = Field(
        default=[], description="primary comparisons; their intervals are simultaneous"
    )
    gates: list[str] = Field(default=[], description="conditions for `twins check`")
