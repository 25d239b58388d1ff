"""Plans, archives, logs and disks nobody should meet: one plain sentence each, nothing half-written."""

import json
import os
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests import archive
from loadtests.cli import app, guarded
from loadtests.lab import processes
from loadtests.lab.plan import PlanError
from loadtests.lab.plan_server import PlanServer
from loadtests.lab.planfile import LARGEST_BYTES, read_plan, resolved
from loadtests.lab.runs import create, reopen
from loadtests.lab.servers import ports, running
from loadtests.lab.servers.specs import spec_of
from loadtests.subjects.subject import Provision
from tests.disks import mounted, remount
from tests.lab.conftest import Laboratory, planted
from tests.lab.planted import MARKUP
from tests.lab.test_archive import generator, record

HEALTH = "[load]\nusers = [1]\n[servers.wsgi-sync]\n[scenarios.health]\n"
PLANS: dict[str, tuple[str | bytes, str]] = {
    "deep": ("a = " + "[" * 100_000, "nested too deeply"),
    "huge": ("# " + "x" * LARGEST_BYTES, "is larger than"),
    "binary": (b"\xff\xfe\x00", "is not text in UTF-8"),
    "endless number": ("blocks = 1" + "0" * 5_000, "is not a plan"),
    "wrong types": ("blocks = [1]\ntime = 3\nservers = 1\nscenarios = true\n", "time = 3"),
    "not a number": ("[time]\nmeasure_s = nan\n" + HEALTH, "time.measure_s = NaN"),
    "a folder above": (HEALTH.replace("wsgi-sync", '"../../evil"') + 'x.command = ["x"]', "not a key"),
    "a server's name": (
        '[load]\nusers = [1]\n[servers."../../evil"]\ncommand = ["x"]\n[scenarios.health]\n',
        'servers."../../evil": a name has',
    ),
    "a scenario's name": (
        HEALTH.replace("scenarios.health]", 'scenarios."/etc/evil"]\nkind = "health"'),
        'scenarios."/etc/evil": a name has',
    ),
    "control characters": (
        '[load]\nusers = [1]\n[servers."a\\u001b[31m"]\ncommand = ["x"]\n[scenarios.health]\n',
        'servers."a\\u001b[31m": a name has',
    ),
    "no name": ('[load]\nusers = [1]\n[servers.""]\ncommand = ["x"]\n[scenarios.health]\n', "a name has"),
    "a NUL": (
        '[load]\nusers = [1]\n[servers.a]\ncommand = ["a\\u0000"]\n[scenarios.health]\n',
        "no NUL character",
    ),
    "no address": (
        '[load]\nusers = [1]\n[servers.a]\nurl = "http://[::1"\n[scenarios.health]\n',
        "url looks like",
    ),
    "a level twice": (HEALTH.replace("[1]", "[8, 8]"), "the level 8 is there 2 times"),
    "too many cells": ("blocks = 1000\n" + HEALTH.replace("[1]", str([*range(1, 200)])), "199000 cells"),
}


@pytest.mark.parametrize("name", PLANS)
def test_a_hostile_plan_is_one_sentence(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, sentence = PLANS[name]
    path = tmp_path / "plan.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    code = guarded(lambda: app(["suite", str(path), "--dry-run"]))
    out, err = capsys.readouterr()
    assert code == 2
    assert sentence in err
    assert "Traceback" not in err
    assert len(err) < 1_000
    assert out == ""


@settings(deadline=None, max_examples=200)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: (HEALTH + text).encode())))
def test_any_bytes_are_a_plan_or_a_sentence(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(content)
    with suppress(PlanError):  # any other exception is a traceback for the user
        read_plan(path)


def test_a_cell_cannot_lead_out_of_its_archive(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    archive.write_cell(tmp_path, record("good"))
    place = tmp_path / "cells" / "good" / "cell.json"
    document = json.loads(place.read_text()) | {"id": "../../../etc"}
    place.write_text(json.dumps(document))
    with pytest.raises(archive.ArchiveError, match=r"calls its cell '\.\./\.\./\.\./etc'"):
        archive.read_cells(tmp_path)


def test_the_end_of_a_hostile_log_can_be_shown(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_bytes(b"x" * 5_000_000 + b"\n\x1b[31m<script>\xff\x00</script>\n" + b"y" * 10_000 + b"\n")
    first, second = processes.last_lines(log, 2)
    assert first == "\ufffd[31m<script>\ufffd\ufffd</script>"
    assert second == "y" * processes.LINE
    assert processes.last_lines(tmp_path / "absent.log", 2) == []


@pytest.mark.parametrize("kib", [4, 24])
def test_a_full_disk_is_a_sentence_and_the_run_goes_on_later(laboratory: Laboratory, kib: int) -> None:
    """No file may grow beyond the limit: the manifest's at first, then the first cell's."""
    plan = laboratory.plan(
        f"[servers.one]\ncommand = {planted('good')}\n[scenarios.download-small]\nload = {{ users = [4] }}\n"
    )
    arguments = ["suite", plan, "--set", "blocks=1", "--no-report"]
    limited = subprocess.run(  # noqa: S603  our own command
        ["/bin/sh", "-c", f'ulimit -f {kib * 2}; exec "$@"', "sh", *laboratory.command(*arguments)],
        cwd=laboratory.folder,
        env={**laboratory.environment, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert limited.returncode == 3, limited.stderr
    assert "Traceback" not in limited.stderr
    assert "there is no room left" in limited.stderr or "no valid repeat" in limited.stdout
    assert [path for path in (laboratory.folder / "results").rglob(".*") if path.is_file()] == []


def test_a_full_disk_that_is_freed_lets_the_run_go_on(laboratory: Laboratory) -> None:
    """Room for the manifest and not for a cell; then for all of it."""
    plan = laboratory.plan(
        f"[servers.one]\ncommand = {planted('good')}\n[scenarios.download-small]\nload = {{ users = [4] }}\n"
    )
    with mounted(laboratory.folder / "results", 40 * 1024) as disk:
        full = laboratory.twins("suite", plan, "--set", "blocks=2")
        assert full.code == 3, full.err
        assert "there is no room left" in full.err
        assert "twins suite --resume" in full.err
        (run,) = disk.iterdir()
        assert [path for path in run.rglob("*") if path.name.startswith(".")] == []
        remount(disk, "size=100m")
        freed = laboratory.twins("suite", "--resume", str(run), "--force")
        assert freed.code == 0, freed.err
        assert [cell.id for cell in archive.read_cells(run)] == archive.read_manifest(run).cells
        assert (run / "report.html").is_file()


def test_a_torn_table_is_a_sentence(laboratory: Laboratory, tmp_path: Path) -> None:
    run = tmp_path / "results" / "torn"
    run.mkdir(parents=True)
    archive.write_record(run / "generator.json", generator())
    for table in ("requests", "timeseries"):
        (run / f"{table}.parquet").write_bytes(b"PAR1" + b"\x00" * 100)
    outcome = laboratory.twins("export", str(run))
    assert outcome.code == 2, outcome.err
    assert "requests.parquet cannot be read" in outcome.err
    assert "Traceback" not in outcome.err
    assert list(run.rglob(".*")) == []


class Markup(HTMLParser):
    """Elements that run or load something, attributes that do, and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.scripts, self.active, self.text = 0, list[str](), ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.active += [tag] if tag in ("img", "iframe", "object", "embed", "form") else []
        self.active += [name for name, value in attrs if name.startswith("on") or "script:" in (value or "")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_what_servers_and_plans_say_stays_text(laboratory: Laboratory) -> None:
    """In a log, an answer, a plan's sentence, a command line, a variable and a server's own /health."""
    fails = json.dumps([sys.executable, "-c", f"raise SystemExit({MARKUP!r})"])
    plan = laboratory.plan(
        f"[servers.talks]\ncommand = {planted('markup', 1e9)}\n"
        f"environment = {{ TALK = {json.dumps(MARKUP)} }}\n"
        f"[servers.dies]\ncommand = {planted('markup', 40)}\n[servers.fails]\ncommand = {fails}\n"
        "[scenarios.download-small]\nload = { users = [2] }\n"
    )
    outcome = laboratory.twins(
        "suite", plan, "--set", "blocks=1", "--set", f"description={json.dumps(MARKUP)}"
    )
    assert outcome.code == 3, outcome.err
    run = laboratory.run_directory()
    cells = {cell.server: cell for cell in archive.read_cells(run)}
    assert cells["talks"].state != "invalid", cells["talks"].reason
    assert "<script>" in (cells["dies"].reason or "")
    assert "<script>" in (cells["fails"].reason or "")
    page = Markup((run / "report.html").read_text())
    assert page.scripts == 1, "the page's own"
    assert page.active == []
    assert page.text.count(MARKUP) > 2
    assert "<script" not in (run / "report.md").read_text().replace("\\<", "")


def test_a_link_does_not_lead_out_of_an_archive(tmp_path: Path) -> None:
    run, outside = tmp_path / "run", tmp_path / "outside"
    archive.write_cell(run, record("good"))
    (run / "manifest.json").write_text("{}")
    outside.mkdir()
    for place, aim in (
        ("cells/other", run / "cells" / "good"),
        ("cells/good/probes.jsonl", Path("/etc/passwd")),
        ("cells/good/samples.bin", Path("../../../outside")),
        ("charts", outside),
        ("report.html", outside / "page.html"),
        ("searches", outside),
    ):
        (run / place).symlink_to(aim)
        with pytest.raises(archive.ArchiveError, match=f"{place} is a link, and an archive holds none"):
            archive.read_manifest(run)
        (run / place).unlink()
    assert list(outside.iterdir()) == []


def test_a_manifest_cannot_lead_a_resumed_run_out_of_its_archive(tmp_path: Path) -> None:
    plan = {"servers": {"wsgi-sync": {}}, "scenarios": {"health": {}}, "load": {"users": [1]}}
    run = create(resolved(plan, "a test"), "small", tmp_path, [], None).directory
    assert reopen(run, force=False).plan == resolved(plan, "a test")
    document = json.loads((run / "manifest.json").read_text())
    servers = document["plan"]["servers"]
    servers["../../../evil"] = servers.pop("wsgi-sync")
    (run / "manifest.json").write_text(json.dumps(document))
    with pytest.raises(PlanError, match=r"evil.*: a name has 1 to 64"):
        reopen(run, force=True)


@pytest.mark.parametrize("lines", ["[1]\n", "x\n", '{"side": "server"}\n' + "[" * 100_000 + "\n"])
def test_lines_that_are_no_objects_are_a_sentence(lines: str, tmp_path: Path) -> None:
    (tmp_path / "probes.jsonl").write_text(lines)
    with pytest.raises(archive.ArchiveError, match="cannot be read as lines of JSON"):
        archive.read_lines(tmp_path / "probes.jsonl")


def test_a_port_taken_between_its_choice_and_its_use_is_another_port(
    served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken by one who answers in the server's place, then by one who does not answer."""
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), Healthy) as answering,
        socket.create_server(("127.0.0.1", 0)) as mute,
    ):
        threading.Thread(target=answering.serve_forever, daemon=True).start()
        chosen = [ports.free_port(), mute.getsockname()[1], answering.server_port]
        monkeypatch.setattr(running, "free_port", chosen.pop)
        server = PlanServer(command=json.loads(planted("good")), contract=False)
        started = running.start(
            running.Start(
                label="good",
                spec=spec_of("good", server),
                planned=server,
                files=served,
                provision=Provision(),
                cpus=None,
                directory=tmp_path,
                start_s=3,
            )
        )
        running.stop(started, 2)
        answering.shutdown()
    assert chosen == []
    assert started.run.health["worker_class"] == "planted"


def test_a_fixed_port_that_is_taken_is_one_sentence(laboratory: Laboratory) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        for name in ("wsgi-gthread", "asgi-uvicorn"):
            outcome = laboratory.twins("serve", name, "--port", str(port))
            assert (outcome.code, outcome.out) == (2, "")
            assert outcome.err == (
                f"twins: port {port} of 127.0.0.1 is taken; end what listens there, or give another --port.\n"
            )


class Healthy(BaseHTTPRequestHandler):
    """Another program on the port: well, and not the server that was started."""

    def do_GET(self) -> None:
        body = json.dumps({"status": "ok", "pid": os.getpid()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass
