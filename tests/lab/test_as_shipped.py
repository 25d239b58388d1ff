"""Servers as their projects ship them: none of our settings, read back from the live one, told in answers."""

import json
from pathlib import Path

import pytest

from loadtests import archive
from loadtests.lab.plan import PlanError
from loadtests.lab.planfile import find_plan, read_plan
from loadtests.subjects.twins.launching import launch
from loadtests.subjects.twins.servers import SERVERS
from tests.contract.conftest import TWINS
from tests.lab.conftest import Laboratory
from tests.servers import free_port, running_command
from tests.wire import ask

OURS = ("--threads", "--keep-alive", "--timeout-keep-alive", "--backlog", "--config", "--no-access-log")
KEEP_ALIVE_S = {"gunicorn": 2, "uvicorn": 5, "granian": 30}  # each project's own


@pytest.mark.parametrize("name", TWINS)
def test_nothing_of_ours_is_asked_of_a_server(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"content")
    row, port = SERVERS[name], free_port()
    line = launch(row, port=port, files=tmp_path, as_shipped=True)
    assert not set(OURS) & set(line.command)
    with running_command(name, line, port, {}):
        health = json.loads(ask(port, "GET", "/health").body)
        assert ask(port, "GET", "/files/a.txt").body == b"content"
    assert not row.differences(health, processes=row.processes, threads=row.threads, as_shipped=True)
    if row.worker_class == "gthread":
        assert health["threads"] == 1
        assert row.differences(health, processes=1, threads=32), "32 threads were not asked for"
    if row.worker_class != "sync":
        assert health["keep_alive_s"] == KEEP_ALIVE_S[row.server]


def test_a_plan_as_shipped_gives_no_server_a_size(tmp_path: Path) -> None:
    found = read_plan(find_plan("standard"), as_shipped=True)
    assert found.matched == "as shipped"
    assert {(server.processes, server.threads) for server in found.servers.values()} == {(None, None)}
    with pytest.raises(PlanError, match=r"servers.wsgi-gthread.threads = 32: as shipped, a server has"):
        read_plan(find_plan("standard"), ["matched=as shipped"])
    with pytest.raises(ValueError, match="threads is 8; as shipped, wsgi-gthread has"):
        launch(SERVERS["wsgi-gthread"], port=1, threads=8, files=tmp_path, as_shipped=True)


def test_a_run_tells_what_the_servers_really_had(laboratory: Laboratory) -> None:
    text = (
        "[load]\nusers = [4]\n[servers.wsgi-gthread]\nthreads = 16\n[servers.asgi-uvicorn]\n"
        '[scenarios.process-wait]\nparameters = { wait_ms = 10 }\n[[compare]]\nserver = "asgi-uvicorn"\n'
        'baseline = "wsgi-gthread"\nscenario = "process-wait"\nlevel = { kind = "users", value = 4 }\n'
        'metric = "throughput"\n'
    )
    outcome = laboratory.twins("suite", laboratory.plan(text), "--as-shipped", "--set", "blocks=2")
    assert outcome.code == 0, outcome.err
    assert "process-wait, 4 users, as shipped: asgi-uvicorn serves" in outcome.out
    cells = archive.read_cells(laboratory.run_directory())
    shape = {
        (c.server, c.server_run.threads, c.server_run.slots, c.server_run.means)
        for c in cells
        if c.server_run
    }
    assert shape == {("wsgi-gthread", 1, 1, "as shipped"), ("asgi-uvicorn", 1, None, "as shipped")}
