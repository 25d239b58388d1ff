"""The archive's documents: `manifest.json` of a run, `cell.json` of a cell, `generator.json`.

Strict pydantic models, so that the published JSON Schemas are these classes and nothing else.
A figure that could not be had is `null`, never zero.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

SCHEMA_VERSION = 1
COSTS = {"cpu_ms_per_request", "requests_per_s_per_core", "memory_per_connection_bytes"}

CellState = Literal["server-limited", "unsaturated", "generator-limited", "invalid"]
WarmupEnd = Literal["planned", "steady", "out of time", "too few requests"]
CheckStatus = Literal["ok", "warning", "failed", "not available"]
Consequence = Literal["invalid", "generator-limited", "unsaturated", "warning"]


class Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Level(Record):
    """How hard the server is pressed: `users` (closed loop) or `rate`, arrivals per second (open loop)."""

    kind: Literal["users", "rate"]
    value: float


class Check(Record):
    """One self-check with its figure; `advice` says what to do where it is not ok."""

    name: str
    status: CheckStatus
    figure: float | None
    limit: float | None
    unit: str
    advice: str = ""
    consequence: Consequence | None = Field(
        default=None,
        description="what the cell becomes where the check fails, or its figure of saturation is below the "
        "limit; null in archives that did not record it",
    )


class ServerRun(Record):
    """The server under test as it ran: the command asked for and the configuration read back from it."""

    name: str
    command: list[str]
    environment: dict[str, str]
    url: str
    health: dict[str, Any]
    interface: str | None = Field(default=None, description="wsgi or asgi, as asked for; null where unknown")
    processes: int | None = Field(description="null where the server is not started by the laboratory")
    threads: int | None
    slots: int | None = Field(description="requests served at the same time; null where no bound is known")
    slot_kind: str = Field(description="what fills one: process, thread, greenlet, task")
    means: Literal["capacity-matched", "as shipped"] | None = Field(
        default=None, description="null where the server is none of the laboratory's table"
    )
    cpus: list[int] | None
    gil_turned_on_by: str | None = Field(
        default=None, description="module that turned on the GIL of a free-threaded interpreter, by its log"
    )
    started_unix_s: float
    stop_signal: Literal["SIGTERM", "SIGKILL", "died"] | None = None
    exit_status: int | None = None


class BackgroundDocument(Record):
    """What clients in the background did beside the requests that were measured."""

    kind: str
    count: int
    ready_s: float | None = Field(description="until all were at work, before the zero")
    fewest: int | None = Field(default=None, description="connected at once while measuring, at the worst")
    sent: int = 0
    completed: int = 0
    lost: int = Field(default=0, description="connections that the server closed, broke or refused")
    wrong: int = 0
    first_wrong: str = ""
    received_bytes: int = 0
    sent_bytes: int = 0
    events: int = 0


class GeneratorDocument(Record):
    """What the load generator says of itself, written as `generator.json` beside `samples.bin`."""

    schema_version: int = SCHEMA_VERSION
    scenario: str
    parameters: dict[str, Any]
    client: Literal["wire", "fasthttp", "http"]
    connections: str = Field(description="keepalive, close, user, or a number of requests per connection")
    arrivals: Literal["closed", "poisson", "constant", "replay"]
    users: int
    rate_per_s: float | None
    seed: int
    loop: str = Field(description="gevent's backend, such as epoll or linux_iouring")
    python: str
    locust: str
    zero_unix_s: float = Field(description="wall clock at the generator's zero, the start of the warm-up")
    warmup_us: int = Field(description="end of the warm-up, since zero; what was due before is not measured")
    warmup_max_us: int | None = Field(
        default=None, description="how long it might have lasted; null where its length was fixed"
    )
    warmup_end: WarmupEnd = Field(
        default="planned",
        description="why it ended: its length was fixed, throughput and response time were steady, or time "
        "was up and they changed still or could not be told from so few requests",
    )
    measure_us: int = Field(description="end of the measuring phase, since zero")
    end_us: int = Field(description="when the last request had ended or was censored, since zero")
    names: list[str]
    due: int = Field(description="requests due in all phases, dropped ones included")
    sent: int = Field(
        description="requests of which a byte was sent, all phases: the server must have counted as many"
    )
    prepared: int = Field(
        default=0, description="requests sent before zero to learn the right answers; they are part of `sent`"
    )
    rate_profile: str | None = Field(
        default=None, description="the rate as asked for, where it changes over time"
    )
    cpu_user_s: float
    cpu_system_s: float
    cpu_measure_share: float | None = Field(description="CPU seconds per second while measuring")
    run_queue_share: float | None = Field(
        description="share of the measuring phase spent runnable, not running"
    )
    loop_lag_us: dict[str, float | None] = Field(
        description="p50, p99, max of the heartbeat's lateness while measuring"
    )
    send_lateness_us: dict[str, float | None] = Field(
        description="p50, p99, max of sent - due, time to connect left out"
    )
    pss_start_bytes: int | None = Field(default=None, description="memory of the generator before its first")
    pss_end_bytes: int | None = Field(default=None, description="and after its last request")
    in_flight_mean: float | None = Field(
        default=None, description="requests in flight while measuring, counted every 10 ms"
    )
    between_s: float = Field(
        default=0.0, description="time of all users, while measuring, in which they prepared the next request"
    )
    background: list[BackgroundDocument] = []
    conditions: list[Check] = Field(
        default=[], description="what the generator had to bring about beside its requests, as checks"
    )
    locust_workers: int = 0
    lost_locust_workers: int = 0


class SideProbe(Record):
    """Resources of one side's whole process tree over the measuring phase."""

    cpu_user_s: float | None
    cpu_system_s: float | None
    rss_start_bytes: int | None = Field(default=None, description="before the first request of the cell")
    rss_peak_bytes: int | None
    pss_start_bytes: int | None
    pss_end_bytes: int | None
    threads_peak: int | None
    descriptors_peak: int | None
    voluntary_switches: int | None
    involuntary_switches: int | None
    run_queue_s: float | None
    sockets_peak: int | None
    read_bytes: int | None


class ProcessCount(Record):
    """What one server process counted; `process` is its id, null where its program does not write it."""

    process: int | None
    requests: int


class CellRecord(Record):
    """One cell: server x scenario x level x block, what was asked and what came of it."""

    schema_version: int = SCHEMA_VERSION
    id: str
    run: str
    server: str
    scenario: str = Field(description="the label in the plan; `scenario_kind` is the scenario's own name")
    scenario_kind: str
    parameters: dict[str, Any]
    planted_wait_ms: float | None = Field(
        default=None, description="that the scenario plants into each answer; null where it plants none"
    )
    waits_for: str | None = Field(
        default=None, description="what the server waits for beside its own work, such as a database"
    )
    level: Level
    block: int
    order: int = Field(description="position in the run, from 0")
    search: str | None = Field(
        default=None, description="id of the capacity search of which this cell is evidence"
    )
    seed: int
    state: CellState
    reason: str | None = Field(description="why the cell is invalid or generator-limited")
    warnings: list[str] = []
    server_run: ServerRun | None
    generator: GeneratorDocument | None
    generator_command: list[str] = []
    checks: list[Check] = []
    server_probe: SideProbe | None = None
    generator_probe: SideProbe | None = None
    server_count: int | None = Field(
        default=None, description="requests the server counted while the generator ran"
    )
    process_counts: list[ProcessCount] = Field(
        default=[],
        description="of these, what each of its processes counted; empty where it does not count, and in "
        "archives that did not record it",
    )
    server_fresh: bool | None = Field(
        default=None, description="whether the server had served no cell before; null where none was measured"
    )
    accept_queue_overflows: int | None = None
    probe_cpu_s: float | None = None
    started_unix_s: float
    ended_unix_s: float

    @model_validator(mode="before")
    @classmethod
    def _with_costs(cls, given: Any) -> Any:
        """Archives of before held the costs, too, which follow from probes, samples and freshness."""
        if not isinstance(given, dict) or COSTS.isdisjoint(given):
            return given
        raw = {name: value for name, value in given.items() if name not in COSTS}
        return {"server_fresh": given.get("memory_per_connection_bytes") is not None, **raw}

    @model_validator(mode="before")
    @classmethod
    def _of_before(cls, given: Any) -> Any:
        """Archives of before left it to the scenario's name and parameters what the server waited for."""
        if not isinstance(given, dict) or "waits_for" in given or "planted_wait_ms" in given:
            return given
        kind, wait_ms = str(given.get("scenario_kind")), (given.get("parameters") or {}).get("wait_ms")
        told = "database" if "jobs" in kind else "upstream" if "fan-out" in kind else None
        return {
            **given,
            "waits_for": told,
            "planted_wait_ms": wait_ms if isinstance(wait_ms, int | float) else None,
        }


class SearchStep(Record):
    """One cell of a capacity search: the level tried and whether it met the target."""

    cell: str
    level: Level
    met: bool
    reason: str = Field(description="empty where the target was met")
    purpose: Literal["doubling", "bisection", "confirmation"]


class SearchRecord(Record):
    """`searches/<id>.json`: the highest level that meets the target, as a bracket with its evidence."""

    schema_version: int = SCHEMA_VERSION
    id: str
    run: str
    server: str
    scenario: str
    block: int
    target: dict[str, Any]
    low: float | None = Field(description="highest level that met the target and was confirmed")
    high: float | None = Field(description="lowest level above it that did not; null where none was found")
    confirmations: int
    reason: str | None = Field(description="why there is no bracket, or why it is open")
    steps: list[SearchStep]


class Comparison(Record):
    """A primary comparison a plan declares: how `server` fares against `baseline`."""

    server: str
    baseline: str
    scenario: str
    level: Level
    metric: str


class Runtime(Record):
    """The Python that a server of one's own runs on, as that interpreter itself says."""

    executable: str
    python: str = Field(description="its version")
    implementation: str = Field(description="CPython, PyPy, ...")
    gil: bool = Field(description="whether the global interpreter lock is on when it starts")
    free_threaded: bool = Field(description="whether it is built to do without")
    packages: dict[str, str] = Field(description="what is installed there: distribution to version")


class Finding(Record):
    """What of the machine helps or spoils a measurement, with what to do."""

    name: str
    status: CheckStatus
    figure: float | None
    text: str
    advice: str = ""


class Manifest(Record):
    """One run: the resolved plan, where it ran and what it ran with."""

    schema_version: int = SCHEMA_VERSION
    run: str
    plan: dict[str, Any]
    plan_name: str
    quick: bool = Field(description="too few or too short repeats for comparison with other runs")
    seed: int
    cells: list[str] = Field(description="ids of all planned cells, in the order of the run")
    primaries: list[Comparison]
    created_unix_s: float
    finished_unix_s: float | None = None
    command: list[str]
    versions: dict[str, str]
    machine: dict[str, Any]
    machine_id: str = Field(description="hash of what must agree for two runs to be pooled")
    plan_id: str = Field(description="hash of the resolved plan")
    code_id: str = Field(description="git commit, `+dirty` where it was")
    environment: dict[str, str] = Field(
        default={}, description="what every child process took over of the shell's environment"
    )
    own_code: dict[str, str] = Field(
        default={}, description="hash of the code of each server that the plan starts by a command"
    )
    runtimes: dict[str, Runtime] = Field(
        default={},
        description="of each server that the plan starts by a command on a Python that can be told",
    )
    revisions: dict[str, str] = Field(
        default={}, description="commit of each server that the plan checks out"
    )
    calibration: dict[str, Any] | None = None
    noise: dict[str, Any] = {}
    asked: dict[str, str] = Field(
        default={},
        description="scenario to what it asks of a server; empty in archives that did not record it",
    )
    findings: list[Finding] = Field(
        default=[], description="what `twins doctor` found of the machine before the run"
    )
    aa_floor: dict[str, float] | None = Field(
        default=None, description="metric to the floor of an earlier A/A run"
    )
