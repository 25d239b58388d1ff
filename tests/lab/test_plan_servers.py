"""The keys of a plan's servers: what fits together, what is filled in, and every mistake in one sentence."""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.lab.plan import Plan, PlanError
from loadtests.lab.plan_server import PlanServer
from loadtests.lab.planfile import read_plan, resolved
from loadtests.lab.servers.specs import spec_of
from loadtests.subjects.own import command_lines
from loadtests.subjects.subject import Order

COMMAND = ["serve", "{port}"]
MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"command": ["serve", "{prot}"]}, "command: {prot} is filled in by nothing; did you mean {port}?"),
    (
        {"command": ["serve", "{x}"]},
        "{x} is filled in by nothing; valid are {host}, {port}, {proc",
    ),
    (
        {"command": COMMAND, "threads": [1, 8]},
        "threads = [1, 8] makes 2 servers, all alike: command has no {thr",
    ),
    (
        {"command": COMMAND, "processes": [1, 2]},
        "processes = [1, 2] makes 2 servers, all alike: command has no",
    ),
    ({"command": ["serve", "{threads}"]}, "command has {threads}: give threads, too"),
    ({"url": "http://127.0.0.1:1", "threads": [1, 8]}, "a server that runs already is one server, not 2"),
    ({"command": COMMAND, "slot": "task", "slot_kind": "task"}, "takes one of slot and slot_kind"),
    ({"command": COMMAND, "ready": "/", "health": "/"}, "takes one of ready and health"),
    ({"command": COMMAND, "ready": "up"}, 'ready = "up": string should match pattern'),
    (
        {"command": [*COMMAND, "{threads}"], "threads": [1, 8], "slot": "thread", "slots": 8},
        "slots = 8 cannot be true of each of threads = [1, 8]: leave it out",
    ),
    ({"command": COMMAND, "prepare": [["make"]]}, "prepare needs revision"),
    (
        {"command": COMMAND, "revision": "v1", "prepare": ["make"]},
        "prepare is a list of commands, each a list",
    ),
    ({"command": COMMAND, "revision": "v1", "prepare": [[]]}, "list should have at least 1 item"),
    (
        {"command": COMMAND, "revision": "v1", "prepare": [["{pyton}", "-m", "pip"]]},
        "prepare: {pyton} is filled in by nothing; did you mean {python}?",
    ),
    ({"command": COMMAND, "insecure": True}, 'insecure is about certificates: it needs scheme = "https"'),
    ({"url": "http://127.0.0.1:1", "insecure": True}, "insecure is about certificates"),
    ({"command": COMMAND, "scheme": "htps"}, "scheme = \"htps\": input should be 'http' or 'https'"),
    (
        {"url": "https://127.0.0.1:1", "scheme": "https"},
        "scheme is of one's own program, which is given by command",
    ),
    ({"url": "http://127.0.0.1:1", "python": "python3"}, "python is of one's own program"),
    ({"server": "wsgi-sync", "ready": "/"}, "ready is of one's own server, which is given by command or url"),
    ({"server": "wsgi-sync", "revision": "main"}, "revision is of one's own program"),
    ({"url": "http://127.0.0.1:1/?a=b"}, "http://127.0.0.1:8000/base, without a query or a fragment"),
    (
        {"command": COMMAND, "python": "python3", "environment": {"PATH": "/bin"}},
        "takes one of python and environ",
    ),
]


def plan_of(**server: Any) -> Plan:
    document = {"servers": {"mine": server}, "scenarios": {"get": {}}, "load": {"users": [1]}}
    return resolved(document, "a test")


@pytest.mark.parametrize(("server", "sentence"), MISTAKES)
def test_a_mistake_is_one_sentence(server: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PlanError) as error:
        plan_of(**server)
    assert sentence in str(error.value)
    assert str(error.value).startswith("a test: servers.mine")


ORDER = Order(
    host="127.0.0.1",
    port=8123,
    processes=2,
    threads=8,
    as_shipped=False,
    files=Path("/files"),
    directory=Path(),
)


def launched(*command: str, **more: Any) -> list[str]:
    plan = plan_of(command=list(command), processes=2, threads=8, **more)
    return spec_of("mine", plan.servers["mine"]).launch(ORDER).command


def test_what_a_command_leaves_open_is_filled_in() -> None:
    command = launched("{python}", "-w{processes}", "--bind={host}:{port}", "{threads}", "{files}")
    assert command == [sys.executable, "-w2", "--bind=127.0.0.1:8123", "8", "/files"]


@pytest.mark.parametrize(
    ("part", "as_sent"),
    [
        ('{"port": {"a": 1}}', '{"port": {"a": 1}}'),
        ("${HOME}", "${HOME}"),
        ("{{port}}", "{port}"),
        ("{}", "{}"),
        ("{Port}", "{Port}"),
        ("{{", "{{"),
        ("{port}}", "8123}"),
    ],
)
def test_other_braces_stand_for_themselves(part: str, as_sent: str) -> None:
    assert launched(part) == [as_sent]


@given(st.text('{}AZ0 "$:-', max_size=20), st.sampled_from(command_lines.COMMAND))
def test_whatever_stands_around_a_name_passes_through(around: str, name: str) -> None:
    apart = around + "|"
    assert command_lines.names([around]) == set()
    assert command_lines.filled([around], {}) == [around]
    assert command_lines.filled([f"{apart}{{{name}}}"], {name: 8}) == [apart + "8"]
    assert command_lines.filled([f"{apart}{{{{{name}}}}}"], {}) == [f"{apart}{{{name}}}"]


def test_lists_make_servers_that_differ_with_slots_of_their_own() -> None:
    plan = plan_of(command=["serve", "{threads}"], processes=2, threads=[1, 8], slot="thread")
    slots = {}
    for label, planned in plan.servers.items():
        spec = spec_of(label, planned)
        assert isinstance(planned.threads, int)
        slots[label] = spec.slots(2, planned.threads)
    assert slots == {"mine-t1": 2, "mine-t8": 16}


@pytest.mark.parametrize(
    ("server", "slots"),
    [
        ({"slot": "process", "processes": 3}, 3),
        ({"slot": "thread", "processes": 3, "threads": 4}, 12),
        ({"slot": "thread", "processes": 3, "threads": 4, "slots": 7}, 7),
        ({"slot_kind": "thread", "processes": 3, "threads": 4}, 12),
        ({"slot": "thread", "threads": 4}, None),
        ({"slot": "task", "processes": 3, "threads": 4}, None),
        ({"processes": 3, "threads": 4}, None),
    ],
)
def test_slots_follow_from_what_was_declared_and_nothing_else(
    server: dict[str, Any], slots: int | None
) -> None:
    planned = plan_of(command=COMMAND, **server).servers["mine"]
    found = spec_of("mine", planned).slots(server.get("processes"), server.get("threads"))
    assert found == slots


def test_as_shipped_leaves_ones_own_sizes(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(
        '[servers.mine]\ncommand = ["serve", "{threads}"]\nthreads = [1, 8]\n'
        "[servers.wsgi-gthread]\nthreads = 8\n[scenarios.get]\n[load]\nusers = 1\n"
    )
    servers = read_plan(path, as_shipped=True).servers
    assert {label: server.threads for label, server in servers.items()} == {
        "mine-t1": 1,
        "mine-t8": 8,
        "wsgi-gthread": None,
    }


def written(folder: Path, **server: Any) -> Path:
    """A plan in a folder of its own, beside the one that the test runs in."""
    path = folder / "plan.toml"
    lines = [f"{key} = {json.dumps(value)}" for key, value in {"command": COMMAND, **server}.items()]
    path.write_text("\n".join(["[servers.mine]", *lines, "[scenarios.get]", "[load]", "users = 1"]))
    return path


def environment_at(folder: Path) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys.executable)
    (folder / "pyvenv.cfg").write_text("home = /nowhere\n")
    return folder


def test_paths_stand_relative_to_the_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment_at(tmp_path / "app" / "venv")
    monkeypatch.setenv("HOME", str(tmp_path))
    for python in ("venv", "venv/bin/python", "~/app/venv"):
        plan = read_plan(written(tmp_path / "app", directory=".", python=python))
        server = plan.servers["mine"]
        assert server.directory == str(tmp_path / "app")
        assert server.python == str(tmp_path / "app" / "venv" / "bin" / "python"), "its link is not followed"
    launch = spec_of("mine", server).launch(ORDER)
    assert launch.environment["PATH"].startswith(str(tmp_path / "app" / "venv" / "bin") + os.pathsep)
    assert launch.environment["VIRTUAL_ENV"] == str(tmp_path / "app" / "venv")
    assert launch.directory == tmp_path / "app"
    given = read_plan(written(tmp_path / "app"), [f"servers.mine.python={sys.executable}"])
    assert given.servers["mine"].python == sys.executable


@pytest.mark.parametrize(
    ("server", "sentence"),
    [
        (
            {"python": "venv"},
            "servers.mine.python = 'venv': there is nothing at {folder}/venv; it is an interpreter",
        ),
        (
            {"python": "."},
            "servers.mine.python = '.': there is no interpreter, and no virtual environment at",
        ),
        (
            {"python": "plan.toml"},
            "servers.mine.python = 'plan.toml': there is no interpreter, and no virtual",
        ),
        ({"directory": "gone"}, "servers.mine.directory = 'gone': there is no folder {folder}/gone."),
        (
            {"scheme": "https", "ca": "ca.pem"},
            "servers.mine.ca = 'ca.pem': there is no file {folder}/ca.pem.",
        ),
        (
            {"scheme": "https", "ca": "plan.toml"},
            "servers.mine.ca = '{folder}/plan.toml' holds no certificate",
        ),
    ],
)
def test_a_path_that_leads_nowhere_is_one_sentence(
    server: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(PlanError) as error:
        read_plan(written(tmp_path, **server))
    assert sentence.format(folder=tmp_path) in str(error.value)


def test_an_optional_server_without_its_interpreter_is_left_out(tmp_path: Path) -> None:
    server = read_plan(written(tmp_path, python="venv", optional=True)).servers["mine"]
    assert spec_of("mine", server).missing() == str(tmp_path / "venv")


def test_every_key_is_explained() -> None:
    text = (Path(__file__).parents[2] / "docs" / "own-apps.md").read_text(encoding="utf-8")
    section = text.partition("## Keys of a server")[2].partition("\n## ")[0]
    told = {
        name
        for row in re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    }
    assert told | {"slot_kind"} == set(PlanServer.model_fields)


def test_the_plan_of_the_documents_is_valid(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "own-apps.md").read_text(encoding="utf-8")
    (servers,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)[:1]
    for name in ("shop-wsgi", "shop-asgi"):
        environment_at(tmp_path / name / ".venv")
    (tmp_path / "plan.toml").write_text(servers + "[scenarios.get]\n[load]\nusers = 1\n")
    plan = read_plan(tmp_path / "plan.toml")
    assert set(plan.servers) == {"flask-t1", "flask-t8", "fastapi"}
    assert spec_of("flask-t8", plan.servers["flask-t8"]).slots(1, 8) == 8
