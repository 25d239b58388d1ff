"""Plans: every mistake in one sentence, precedence, the order of a run."""

import re
import sys
import venv
from functools import partial
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests.cli import app, guarded
from loadtests.lab.generator import scaled
from loadtests.lab.order import planned_cells
from loadtests.lab.plan import Plan, PlanError
from loadtests.lab.planfile import find_plan, first_line, read_plan, resolved, shipped_plans
from loadtests.lab.runs import without_missing
from loadtests.subjects.registry import SUBJECT
from tests.lab.conftest import Laboratory

NAMES = (
    *("quick", "standard", "downloads", "scaling-users", "scaling-processes", "scaling-threads"),
    *("capacity", "aa", "soak", "spike", "behaviours", "idle", "scaling-cores", "interpreters"),
)
MISTAKES = [
    ("bloks=3", "bloks is not a key; did you mean 'blocks'?"),
    ("blocks=0", "blocks = 0: input should be greater than or equal to 1."),
    ("blocks=many", 'blocks = "many": input should be a valid integer'),
    ("time.mesure_s=1", "time.mesure_s is not a key; did you mean 'measure_s'?"),
    ("servers.wsgi-synk.processes=1", "there is no server 'wsgi-synk'; did you mean 'wsgi-sync'?"),
    ("servers.wsgi-sync.thread=1", "servers.wsgi-sync.thread is not a key; did you mean 'threads'?"),
    ("scenarios.downloads-small.kind=nonsense", "there is no scenario 'nonsense'; valid are"),
    (
        "scenarios.process-wait.parameters.wait=1",
        "no parameter 'wait' (given as '1'): the nearest is 'wait_ms'",
    ),
    ("scenarios.process-wait.servers=wsgi-snc,", "there is no server 'wsgi-snc' in this plan; did you mean"),
    ("load.users=1,0", "load.users.1 = 0: input should be greater than or equal to 1."),
    ("load.rates=5", 'takes one of users, rates and level = "search".'),
    ("nonsense", "--set nonsense: it is written key=value"),
    ("blocks.more=1", "--set blocks.more=1: blocks is a value and has no keys in it."),
]


@pytest.mark.parametrize(("override", "sentence"), MISTAKES)
def test_a_mistake_names_file_key_value_and_the_nearest_valid_name(override: str, sentence: str) -> None:
    with pytest.raises(PlanError) as error:
        read_plan(find_plan("quick"), [override])
    text = str(error.value)
    assert sentence in text
    assert override.startswith(("nonsense", "blocks.more")) or text.startswith("quick.toml: ")


@pytest.mark.parametrize("text", ["blocks = ", "[servers.a]\nservers.a.b.c = 1 2\n", "\x00"])
def test_a_file_that_is_not_toml(text: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(PlanError, match=r"^mine\.toml is not TOML: .*"):
        read_plan(path)


def test_a_plan_that_is_not_there() -> None:
    with pytest.raises(PlanError, match="did you mean 'quick'"):
        find_plan("quik")
    with pytest.raises(PlanError, match=r"there is no plan file nowhere/plan\.toml"):
        find_plan("nowhere/plan.toml")


@pytest.mark.parametrize("name", NAMES)
def test_shipped_plans_are_valid_and_say_what_they_are_for(name: str) -> None:
    plan = read_plan(find_plan(name))
    assert planned_cells(plan)
    assert first_line(SUBJECT.plans / f"{name}.toml").endswith(".")
    assert plan.description == shipped_plans()[name]


def test_no_plan_is_shipped_that_is_not_known() -> None:
    assert set(shipped_plans()) == set(NAMES)


def test_lists_make_a_server_of_each() -> None:
    plan = read_plan(find_plan("scaling-threads"))
    assert [server.threads for server in plan.servers.values()] == [1, 2, 4, 8, 16, 32, 64]
    assert "wsgi-gthread-t8" in plan.servers


def test_flag_beats_environment_beats_plan(laboratory: Laboratory) -> None:
    environment = dict(laboratory.environment) | {"TWINS_SET": "blocks=7;seed=9"}
    told = Laboratory(laboratory.folder, environment)
    out = told.twins("suite", "quick", "--dry-run", "--set", "blocks=2").out
    assert "2 blocks of 24" in out
    assert "seed 9" in out
    assert "3 blocks of 24" in laboratory.twins("suite", "quick", "--dry-run").out


def test_a_dry_run_prints_matrix_order_and_time(laboratory: Laboratory) -> None:
    outcome = laboratory.twins("suite", "standard", "--dry-run")
    assert outcome.code == 0
    assert "process-wait at 8 users, 32 users, 128 users" in outcome.out
    assert "Order of the first block:" in outcome.out
    assert "Total time: " in outcome.out
    assert not (laboratory.folder / "results").exists()


def test_init_validate_schema(laboratory: Laboratory) -> None:
    assert laboratory.twins("plan", "init", "mine.toml").code == 0
    assert "is valid" in laboratory.twins("plan", "validate", "mine.toml").out
    again = laboratory.twins("plan", "init", "mine.toml")
    assert (again.code, again.err) == (2, "twins: mine.toml exists already.\n")
    assert laboratory.twins("plan", "schema").json() == Plan.model_json_schema()


@settings(deadline=None, max_examples=50)
@given(
    st.integers(0, 2**31 - 1),
    st.integers(1, 6),
    st.lists(st.integers(1, 99), min_size=1, max_size=4, unique=True),
)
def test_the_order_is_a_shuffled_whole_of_each_block(seed: int, blocks: int, users: list[int]) -> None:
    document = {
        "seed": seed,
        "blocks": blocks,
        "load": {"users": users},
        "servers": {name: {} for name in ("wsgi-sync", "wsgi-gthread", "asgi-uvicorn")},
        "scenarios": {"health": {}, "download-small": {"servers": ["wsgi-sync", "asgi-uvicorn"]}},
    }
    plan = resolved(document, "a test")
    cells = planned_cells(plan)
    assert cells == planned_cells(plan)
    assert len({cell.id for cell in cells}) == len(cells) == blocks * len(users) * 5
    assert [cell.order for cell in cells] == list(range(len(cells)))
    groups = [key for key, _ in groupby(cells, key=lambda cell: (cell.block, cell.server))]
    assert len(groups) == len(set(groups)) == blocks * 3
    assert [block for block, _ in groups] == sorted(block for block, _ in groups)
    for cell in cells:
        twins = {
            c.seed for c in cells if (c.block, c.scenario, c.level) == (cell.block, cell.scenario, cell.level)
        }
        assert twins == {cell.seed}


@pytest.mark.parametrize("search", [False, True])
def test_cells_of_names_that_join_alike_have_ids_of_their_own(search: bool) -> None:
    load = {"level": "search"} if search else {"users": [1, 2]}
    document = {
        "blocks": 2,
        "load": load,
        "servers": {name: {"server": "wsgi-sync"} for name in ("app", "app-get", "other")},
        "scenarios": {name: {"kind": "health"} for name in ("get-json", "json", "json-get-json")},
    }
    cells = planned_cells(resolved(document, "a test"))
    assert len({cell.id for cell in cells}) == len(cells)
    alone = [cell.id for cell in cells if (cell.block, cell.server, cell.scenario) == (1, "other", "json")]
    assert alone[0].startswith("b01-other-json-"), "what is unlike all others keeps the plain name"


LABELS = st.from_regex(r"[a-c][a-c.-]{0,3}", fullmatch=True)


@settings(deadline=None, max_examples=200)
@given(st.sets(LABELS, min_size=1, max_size=5), st.sets(LABELS, min_size=1, max_size=5))
def test_no_two_cells_have_one_id(servers: set[str], scenarios: set[str]) -> None:
    document = {
        "blocks": 1,
        "load": {"users": [1]},
        "servers": {name: {"server": "wsgi-sync"} for name in sorted(servers)},
        "scenarios": {name: {"kind": "health"} for name in sorted(scenarios)},
    }
    cells = planned_cells(resolved(document, "a test"))
    assert len({cell.id for cell in cells}) == len(servers) * len(scenarios)


def test_two_entries_that_make_one_server_are_refused() -> None:
    document = {
        "load": {"users": [1]},
        "servers": {"a": {"server": "wsgi-forked", "processes": [1, 2]}, "a-p2": {"server": "wsgi-sync"}},
        "scenarios": {"health": {}},
    }
    with pytest.raises(PlanError, match=r"servers\.a-p2: two entries make a server of this name"):
        resolved(document, "a test")


SCHEDULED = '[servers.wsgi-sync]\n[scenarios.health]\n[load]\nrates = [5]\nschedule = "arrivals.txt"\n'


def test_a_schedule_stands_beside_its_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plans").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "plans" / "arrivals.txt").write_text("0.1\n0.2\n")
    (tmp_path / "elsewhere" / "mine.txt").write_text("0.1\n")
    path = tmp_path / "plans" / "plan.toml"
    path.write_text(SCHEDULED)
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert read_plan(path).load.schedule == str(tmp_path / "plans" / "arrivals.txt")
    given = read_plan(path, ["load.schedule=mine.txt"])
    assert given.load.schedule == str(tmp_path / "elsewhere" / "mine.txt"), (
        "the shell's paths are the shell's"
    )
    assert resolved(given.model_dump(mode="json"), "a run that is resumed") == given
    path.write_text(SCHEDULED.replace("[load]", "[scenarios.health.load]"))
    assert read_plan(path).scenarios["health"].load == read_plan(path).scenarios["health"].load
    (tmp_path / "plans" / "arrivals.txt").unlink()
    with pytest.raises(
        PlanError, match=r"scenarios\.health\.load\.schedule = 'arrivals\.txt': there is no file"
    ):
        read_plan(path)


@pytest.mark.parametrize(
    ("load", "sentence"),
    [
        ('users = [1]\nschedule = "arrivals.txt"', "schedule says when requests arrive, in the open loop"),
        ('users = [1]\nprofile = "1x10,5x5"', "profile says when requests arrive, in the open loop"),
        ('level = "search"\nprofile = "1x10"\nsearch = { kind = "users" }', "profile says when requests"),
        ('rates = [5]\nprofile = "1x10"\nschedule = "arrivals.txt"', "leave out profile and arrivals"),
        ('rates = [5]\narrivals = "constant"\nschedule = "arrivals.txt"', "leave out profile and arrivals"),
        ('rates = [5, 6]\nschedule = "arrivals.txt"', "schedule is one level"),
    ],
)
def test_a_load_that_would_be_ignored_is_refused(load: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "arrivals.txt").write_text("0.1\n")
    path = tmp_path / "plan.toml"
    path.write_text(f"[servers.wsgi-sync]\n[scenarios.health]\n[load]\n{load}\n")
    with pytest.raises(PlanError, match=sentence):
        read_plan(path)


def test_blocks_differ_in_their_order() -> None:
    cells = planned_cells(read_plan(find_plan("quick"), ["blocks=8"]))
    orders = {tuple(dict.fromkeys(c.server for c in cells if c.block == block)) for block in range(1, 9)}
    assert len(orders) > 1
    within = {
        tuple((c.scenario, c.level) for c in cells if (c.block, c.server) == (block, "asgi-uvicorn"))
        for block in range(1, 9)
    }
    assert len(within) > 1, "the cells of a server are shuffled too"


def test_a_profile_scales_with_the_rate() -> None:
    assert scaled("1x15,6x5,1>2.5x25", 100) == "100x15,600x5,100>250x25"


@pytest.mark.parametrize(
    ("gate", "sentence"),
    [
        ("p99_us below 5", "cannot be read"),
        ("throughput > 1 @ wsgi-snc/health", "did you mean 'wsgi-sync'?"),
        ("throughput > 1 @ wsgi-sync/helth", "did you mean 'health'?"),
    ],
)
def test_a_gate_is_refused_before_anything_is_measured(
    gate: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(f'gates = ["{gate}"]\n[servers.wsgi-sync]\n[scenarios.health]\n[load]\nusers = [1]\n')
    for command in (["suite", str(path), "--dry-run"], ["plan", "validate", str(path)]):
        assert guarded(partial(app, command)) == 2
        assert sentence in capsys.readouterr().err


def test_a_metric_that_cannot_be_compared_is_named_with_the_nearest(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    text = find_plan("quick").read_text(encoding="utf-8")
    path.write_text(text.replace('metric = "throughput"', 'metric = "response_p9"', 1))
    with pytest.raises(
        PlanError, match=r"metric = 'response_p9' cannot be compared; did you mean 'response_p"
    ):
        read_plan(path)


def test_an_interpreter_without_the_server_is_left_out_and_one_with_it_stays(tmp_path: Path) -> None:
    """A bare virtual environment has nothing installed; the one that runs the tests has gunicorn."""
    venv.create(tmp_path / "bare", with_pip=False)
    command = '["{python}", "-m", "gunicorn", "--bind", "127.0.0.1:{port}", "wsgi_app:app"]'
    of = "[servers.{}]\npython = '{}'\ncommand = {}\noptional = true\n"
    text = of.format("bare", tmp_path / "bare", command) + of.format("here", sys.executable, command)
    (tmp_path / "plan.toml").write_text(f"# Two interpreters.\n[load]\nusers = [1]\n{text}[scenarios.get]\n")
    plan, said = without_missing(read_plan(tmp_path / "plan.toml"))
    assert set(plan.servers) == {"here"}
    assert len(said) == 1
    assert re.fullmatch(r"bare is left out: gunicorn for /.*/bare/bin/python is not installed\.", said[0])
