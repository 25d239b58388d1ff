"""Two frameworks on four servers, measured from a plan alone, beside three that are broken."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from loadtests import archive
from loadtests.model.records import CellRecord
from tests.documents import DOCUMENTS, ROOT
from tests.shops import FOLDER, shop_entry, shop_plan, stock_running

SOUND = {
    "gthread": ("gunicorn-gthread", "flask"),
    "waitress": ("waitress", "flask"),
    "uvicorn": ("uvicorn", "fastapi"),
    "hypercorn": ("hypercorn", "fastapi"),
}
BROKEN = ("pool", "fails", "dies")
USERS = 16
HEAD = f"blocks = 1\n[time]\nwarmup_s = 0.3\nmeasure_s = 1\ndrain_s = 1\n[load]\nusers = {USERS}\n"
POOL = """[servers.pool]
command = ["{python}", "-m", "shop.pool", "{port}", "8"]
directory = "."
ready = "/items/1"
slots = 8
slot = "thread"
"""
ITEMS = """[scenarios.items]
feed = "shop/items.jsonl"
servers = ["pool", "fails", "dies"]
requests = [{ name = "item", path = "/items/{item}", status = 200 }]
"""


def test_a_plan_of_any_two_by_the_whole_mix_is_short() -> None:
    entries = [shop_entry(name, *side) for name, side in list(SOUND.items())[:2]]
    assert len(shop_plan("blocks = 3\n[load]\nusers = [16]\n", *entries).splitlines()) < 40


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    (folder / "shop").symlink_to(FOLDER / "shop")
    sound = [shop_entry(name, *side) for name, side in SOUND.items()]
    broken = [shop_entry(name, "uvicorn", "fastapi", name) for name in ("fails", "dies")]
    text = shop_plan(HEAD, *sound, *broken, POOL)
    named = json.dumps(list(SOUND))
    text = text.replace("[scenarios.customers]\n", f"[scenarios.customers]\nservers = {named}\n") + ITEMS
    (folder / "plan.toml").write_text(text)
    with stock_running() as upstream:
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "XDG_CACHE_HOME": str(folder / "cache"),
            "SHOP_PASSWORD": "open the door please",
            "SHOP_UPSTREAM": upstream,
            "NO_COLOR": "1",
        }
        environment.pop("TWINS_SET", None)
        done = subprocess.run(  # noqa: S603 - our own command
            [Path(sys.executable).with_name("twins"), "suite", "plan.toml"],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=280,
        )
    assert done.returncode == 3, done.stdout + done.stderr  # the broken ones have no figure
    (directory,) = (folder / "results").iterdir()
    return directory


def cell(run: Path, name: str) -> CellRecord:
    (found,) = [record for record in archive.read_cells(run) if record.server == name]
    return found


@pytest.fixture(scope="module")
def summary(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "summary.json").read_text())
    return found


def test_four_servers_answer_alike_and_are_measured(run: Path, summary: dict[str, Any]) -> None:
    (customers,) = [looked for looked in summary["sameness"] if looked["scenario"] == "customers"]
    assert customers["alike"], customers
    for name in SOUND:
        record = cell(run, name)
        assert record.state != "invalid", (name, record.reason)
        assert record.server_run is not None
        assert record.server_run.slots
        assert record.generator is not None
        assert {"item", "order", "ordered", "basket", "download", "stock"} <= set(record.generator.names)


def test_a_server_that_leaves_half_of_its_connections_unserved_is_invalid(run: Path) -> None:
    record = cell(run, "pool")
    assert record.state == "invalid"
    assert record.reason is not None
    assert f"8 of {USERS} users got no answer while measured" in record.reason


def test_one_that_answers_500_in_a_hundredth_has_its_failures_named(
    run: Path, summary: dict[str, Any]
) -> None:
    record = cell(run, "fails")
    assert record.state == "invalid"
    assert record.reason is not None
    assert " HTTP 500" in record.reason
    (failed,) = summary["cells"][record.id]["failed"]
    assert (failed["name"], list(failed["causes"])) == ("item", ["HTTP 500"])
    assert 0 < failed["failed"] < failed["requests"] / 20


def test_one_that_dies_leaves_its_log(run: Path) -> None:
    record = cell(run, "dies")
    assert record.state == "invalid"
    assert record.reason is not None
    assert "died while it was measured, exit status 7" in record.reason
    assert "the shop has run out of memory" in (run / "cells" / record.id / "server.log").read_text()


def test_the_plan_of_the_readme_runs_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it asks is asked of both servers, from the repository's folder, and they answer alike."""
    (block,) = re.findall(r"```toml\n(.*?)```", DOCUMENTS["README.md"], re.DOTALL)
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    (tmp_path / "plan.toml").write_text(block)
    assert len(block.splitlines()) < 40
    monkeypatch.setenv("SHOP_PASSWORD", "open the door please")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    short = "time.warmup_s=0.3;time.measure_s=1;time.drain_s=1;blocks=1"
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "TWINS_SET": short}
    done = subprocess.run(  # noqa: S603 - our own command
        [Path(sys.executable).with_name("twins"), "suite", "plan.toml"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = (tmp_path / "results").iterdir()
    document = json.loads((run / "summary.json").read_text())
    assert [looked["alike"] for looked in document["sameness"]] == [True]
    assert document["state"] != "invalid", document["reasons"]
