"""Ten secrets are planted, and no file of the results folder holds one of them."""

import json
import os
from pathlib import Path

import pytest

from loadtests.lab.plan import PlanError
from loadtests.lab.planfile import read_plan
from loadtests.lab.runs import create, reopen
from loadtests.lab.secrecy import hidden_of, shown_command
from tests.lab.conftest import Laboratory, planted

NAMES = ("PASSWORD", "API_KEY", "BEARER", "SESSION", "DSN", "SIGNING")
SECRETS = {name: f"S3CRET-{name.lower()}-0123456789" for name in NAMES}
DATABASE = "postgresql://shop:S3CRET-database-0123@db/shop"
SAYS = """
import os, sys, http.server

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        print(self.command, self.path, dict(self.headers), body, dict(os.environ), flush=True)
        told = b'{"token": "S3CRET-issued-0123456789", "x": "' + sys.argv[2].encode() + b'"}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(told)))
        self.send_header("Set-Cookie", "sid=S3CRET-cookie-0123456789; Path=/")
        self.end_headers()
        self.wfile.write(told)

    do_GET = do_POST = answer

    def log_message(self, *arguments):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
PLAN = """
[servers.one]
command = ["{python}", "says.py", "{port}", "one"]
inherit = ["DSN", "DATABASE_URL"]
environment = { SIGNING_KEY = "env:SIGNING", ADMIN_TOKEN = "S3CRET-plain-0123456789" }
[servers.other]
command = ["{python}", "says.py", "{port}", "other"]
[scenarios.shop]
[scenarios.shop.login]
method = "POST"
path = "/login"
json = { user = "ann", password = "env:PASSWORD" }
save = { token = "$.token" }
[[scenarios.shop.requests]]
name = "list"
path = "/items"
query = { api_key = "env:API_KEY" }
headers = { Authorization = "Bearer env:BEARER", Cookie = "sid=env:SESSION" }
[[scenarios.shop.requests]]
name = "mine"
path = "/mine"
headers = { Authorization = "Bearer {token}" }
"""


def everything(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_bytes().decode("latin-1")
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_run_goes_on_with_the_secrets_of_the_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(
        f"[servers.a]\ncommand = {planted('good')}\nenvironment = {{ ADMIN_TOKEN = 'S3CRET', B = 'c' }}\n"
        "[scenarios.download-small]\nload = { users = [2] }\n"
    )
    begun = create(read_plan(path), "x", tmp_path / "results", ["twins", "--set", "a.token=S3CRET"], None)
    assert "S3CRET" not in (begun.directory / "manifest.json").read_text()
    with pytest.raises(PlanError, match="set the variable ADMIN_TOKEN"):
        reopen(begun.directory, force=True)
    monkeypatch.setenv("ADMIN_TOKEN", "S3CRET")
    again = reopen(begun.directory, force=False)
    assert again.plan.servers["a"].environment == {"ADMIN_TOKEN": "S3CRET", "B": "c"}


def test_what_is_hidden_is_found_in_every_place_of_a_plan(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(
        PLAN.replace('"sid=env:SESSION"', '"env:SESSION"') + "[load]\nusers = [2]\n"
    )
    found = hidden_of(read_plan(tmp_path / "plan.toml"), {**os.environ, **SECRETS, "DATABASE_URL": DATABASE})
    wanted = {*SECRETS.values(), "S3CRET-database-0123", "S3CRET-plain-0123456789"}
    assert wanted <= set(found)


def test_a_command_line_is_kept_without_its_secrets() -> None:
    words = ["twins", "suite", "--set", "servers.a.environment.API_KEY=S3CRET", "--set", "blocks=3"]
    shown = shown_command([*words, "--path", "/x?a=1&token=S3CRET"])
    assert "S3CRET" not in json.dumps(shown)
    assert "blocks=3" in shown
    assert "/x?a=1&token=(a secret)" in shown


def test_a_secret_in_the_query_of_a_path_is_refused_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(
        '[servers.wsgi-sync]\n[scenarios.get]\nparameters = { path = "/x?a=1&api_key=S3CRET" }\n'
        "load = { users = [2] }\n"
    )
    with pytest.raises(PlanError, match="the query of path has a secret") as told:
        read_plan(path)
    assert str(told.value).count("S3CRET") == 0


def test_no_file_of_the_results_holds_a_secret(laboratory: Laboratory) -> None:
    (laboratory.folder / "says.py").write_text(SAYS)
    more = {**SECRETS, "DATABASE_URL": DATABASE}
    at = Laboratory(laboratory.folder, {**laboratory.environment, **more})
    plan = at.plan(PLAN.replace('"sid=env:SESSION"', '"env:SESSION"') + "[load]\nusers = [2]\n")
    outcome = at.twins(
        "suite", plan, "--set", "blocks=1", "--set", "servers.other.environment.TOKEN=S3CRET-set-01"
    )
    assert outcome.code == 0, outcome.out + outcome.err
    files = everything(at.folder / "results")
    assert any(name.endswith("server.log") and "/items" in text for name, text in files.items())
    assert "S3CRET" not in outcome.out + outcome.err
    assert {name for name, text in files.items() if "S3CRET" in text} == set()
