"""Each difference that is planted into a shop is found before any load, and named."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtests.lab.bench import Bench
from loadtests.lab.planfile import read_plan
from loadtests.lab.sameness import look
from loadtests.model.sameness import Mismatch, Sameness
from loadtests.subjects.subject import Provision
from tests.lab.conftest import Laboratory
from tests.shops import FOLDER, shop_command

PLANTED = {
    "field": ("item", "$.price"),
    "status": ("item", "status"),
    "type": ("item", "header:content-type"),
    "redirect": ("item", "status"),
    "truncated": ("download", "body"),
    "header": ("basket", "header:cache-control"),
}
"""What is planted, and where it must be seen."""
REQUESTS = """
[scenarios.shop]
feed = "rows.csv"
ignore = ["$.id", "$.created", "header:location"]
[scenarios.shop.login]
method = "POST"
path = "/login"
json = { user = "ann", password = "env:SHOP_PASSWORD" }
save = { token = "$.token" }
[[scenarios.shop.requests]]
name = "item"
path = "/items/{item}"
[[scenarios.shop.requests]]
name = "order"
method = "POST"
path = "/orders"
headers = { Authorization = "Bearer {token}" }
json = { item = 7, quantity = 2 }
save = { number = "$.id" }
[[scenarios.shop.requests]]
name = "ordered"
path = "/orders/{number}"
headers = { Authorization = "Bearer {token}" }
[[scenarios.shop.requests]]
name = "basket"
path = "/basket"
[[scenarios.shop.requests]]
name = "download"
path = "/download"
"""


def server(name: str, kind: str, face: str, planted: str = "") -> str:
    environment = f'environment = {{ SHOP_PLANT = "{planted}" }}' if planted else ""
    command, folder = json.dumps(shop_command(kind, face)), json.dumps(str(FOLDER))
    return (
        f"[servers.{name}]\ncommand = {command}\ndirectory = {folder}\n"
        f'inherit = ["SHOP_PASSWORD"]\nready = "/items/1"\n{environment}\n'
    )


def write(folder: Path, servers: str, *, rows: int = 100) -> Path:
    (folder / "rows.csv").write_text("item\n" + "".join(f"{number}\n" for number in range(1, rows + 1)))
    plan = folder / "plan.toml"
    plan.write_text(servers + REQUESTS + "[load]\nusers = [2]\n")
    return plan


@pytest.fixture(scope="module", autouse=True)
def surroundings() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHOP_PASSWORD", "open the door please")
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        yield


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Sameness:
    """Flask beside FastAPI, beside one Starlette of each difference: one look at all of them."""
    folder = tmp_path_factory.mktemp("same")
    servers = server("flask", "gunicorn-gthread", "flask") + server("fastapi", "uvicorn", "fastapi")
    servers += "".join(server(name, "uvicorn", "starlette", name) for name in (*PLANTED, "order"))
    plan = read_plan(write(folder, servers))
    (result,) = look(Bench(folder, plan, folder, Provision(), None, None, None), rows=None)
    return result


def between(found: Sameness, name: str) -> list[Mismatch]:
    return found.between("flask", name)


def test_two_faces_answer_alike_but_for_what_is_ignored(found: Sameness) -> None:
    assert between(found, "fastapi") == []
    assert found.asked == 105
    assert found.notes == []


@pytest.mark.parametrize("planted", PLANTED)
def test_each_planted_difference_is_found_and_named(planted: str, found: Sameness) -> None:
    request, place = PLANTED[planted]
    assert (request, place) in {(one.request, one.place) for one in between(found, planted)}


def test_both_values_are_told(found: Sameness) -> None:
    (missing,) = between(found, "field")
    assert (missing.row, missing.value, missing.other_value) == (1, "1.25", "(missing)")
    statuses = {one.place: one for one in between(found, "status")}
    assert (statuses["status"].row, statuses["status"].value, statuses["status"].other_value) == (
        37,
        "200",
        "404",
    )


def test_another_order_of_keys_is_a_note(found: Sameness) -> None:
    assert between(found, "order") == []
    notes = [one for one in found.mismatches if one.note and "order" in (one.server, one.other)]
    assert [(one.request, "another order of keys" in one.value) for one in notes] == [("item", True)]


@pytest.mark.parametrize(("planted", "code"), [("", 0), ("field", 1)])
def test_the_command_says_it_and_its_exit_code(planted: str, code: int, tmp_path: Path) -> None:
    servers = server("flask", "gunicorn-gthread", "flask") + server("other", "uvicorn", "fastapi", planted)
    plan = write(tmp_path, servers, rows=2)
    done = subprocess.run(  # noqa: S603 - our own command
        [Path(sys.executable).with_name("twins"), "same", plan], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == code, done.stdout + done.stderr
    if planted:
        assert (
            "not the same work: item (row 1) at $.price: flask answers 1.25, other (missing)" in done.stdout
        )
    else:
        assert "flask and other answer alike" in done.stdout
    assert "open the door please" not in done.stdout + done.stderr


def test_what_differs_from_itself_is_proposed_and_not_ignored(tmp_path: Path) -> None:
    plan = write(tmp_path, server("a", "uvicorn", "fastapi") + server("b", "uvicorn", "starlette"), rows=1)
    plan.write_text(plan.read_text().replace('ignore = ["$.id", "$.created", "header:location"]', ""))
    (result,) = look(Bench(tmp_path, read_plan(plan), tmp_path, Provision(), None, None, None))
    assert not result.alike
    assert result.proposals["order"] == ["$.created", "$.id", "header:location"]


def test_state_is_put_back_before_each_start_and_a_server_that_fails_is_told(tmp_path: Path) -> None:
    servers = server("a", "uvicorn", "fastapi") + server("b", "uvicorn", "fastapi")
    marked = f'fresh = [["touch", "{tmp_path}/put-back"]]\nready ='
    plan = write(
        tmp_path, servers.replace("ready =", marked, 1).replace('"uvicorn"', '"no-such-program"'), rows=1
    )
    text = plan.read_text().replace('"no-such-program"', '"uvicorn"', 1)
    plan.write_text(text)
    (result,) = look(Bench(tmp_path, read_plan(plan), tmp_path, Provision(), None, None, None))
    assert (tmp_path / "put-back").is_file()
    assert not result.alike
    assert "b could not be asked" in result.notes[0]


def test_another_host_is_asked_only_by_its_name(laboratory: Laboratory) -> None:
    text = (
        '[load]\nusers = [1]\n[servers.far]\nurl = "http://192.0.2.1:80"\n[servers.near]\n'
        'url = "http://127.0.0.1:9"\n[[scenarios.shop.requests]]\npath = "/"\n'
    )
    for command in ("same", "suite"):
        outcome = laboratory.twins(command, laboratory.plan(text))
        assert outcome.code == 2, outcome.out + outcome.err
        assert "--yes-load 192.0.2.1" in outcome.err
    assert not (laboratory.folder / "results").exists()
