"""Revisions checked out: outside the user's tree, without its hooks, prepared, and gone afterwards."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loadtests.lab import revisions, runs
from loadtests.lab.plan import Plan, PlanError
from loadtests.lab.planfile import resolved
from loadtests.lab.revisions import checked_out, commits, prepare


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    command = ["git", *identity, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)  # noqa: S603
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two commits, the first of which is tagged v1; the tree is dirty, and a hook would leave a mark."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    top = tmp_path / "top"
    (top / "app").mkdir(parents=True)
    git(top, "init", "-q")
    for version in ("one", "two"):
        (top / "app" / "app.py").write_text(f"VERSION = '{version}'\n")
        git(top, "add", ".")
        git(top, "commit", "-qm", version)
        if version == "one":
            git(top, "tag", "v1")
    for hook in ("post-checkout", "post-index-change", "reference-transaction"):
        (top / ".git" / "hooks" / hook).write_text(f"#!/bin/sh\ntouch {tmp_path}/hooked\n")
        (top / ".git" / "hooks" / hook).chmod(0o755)
    (top / "app" / "app.py").write_text("VERSION = 'dirty'\n")
    (top / "app" / "untracked.py").write_text("")
    return top


def plan_of(top: Path, **servers: dict[str, Any]) -> Plan:
    entry = {"command": ["serve", "{port}"], "directory": str(top / "app")}
    return resolved(
        {
            "servers": {label: {**entry, **server} for label, server in servers.items()},
            "scenarios": {"get": {}},
            "load": {"users": [1]},
        },
        "a test",
    )


def test_a_revision_is_checked_out_beside_a_dirty_tree(repository: Path, tmp_path: Path) -> None:
    plan = plan_of(repository, old={"revision": "v1"}, new={"revision": "main"}, here={})
    before = git(repository, "status", "--porcelain"), (repository / ".git" / "index").read_bytes()
    (tmp_path / "hooked").unlink(missing_ok=True)  # by that status
    wanted = commits(plan)
    assert wanted == {"old": git(repository, "rev-parse", "v1"), "new": git(repository, "rev-parse", "main")}
    with checked_out(plan, wanted) as placed:
        folders = {label: Path(server.directory or "") for label, server in placed.servers.items()}
        assert {label: (folder / "app.py").read_text() for label, folder in folders.items()} == {
            "old": "VERSION = 'one'\n",
            "new": "VERSION = 'two'\n",
            "here": "VERSION = 'dirty'\n",
        }
        assert folders["here"] == repository / "app"
        assert not any(folders[label].is_relative_to(repository) for label in wanted)
        assert len(git(repository, "worktree", "list").splitlines()) == 3
    assert len(git(repository, "worktree", "list").splitlines()) == 1
    assert not any(folders[label].exists() for label in wanted)
    assert not (tmp_path / "hooked").exists()
    assert (git(repository, "status", "--porcelain"), (repository / ".git" / "index").read_bytes()) == before


def test_servers_that_are_prepared_alike_share_a_worktree_and_its_preparing(repository: Path) -> None:
    marked = [["{python}", "-c", "open('made', 'a').write('x')"]]
    plan = plan_of(
        repository,
        a={"revision": "v1", "prepare": marked},
        b={"revision": "v1", "prepare": marked},
        c={"revision": "v1", "prepare": marked, "environment": {"MODE": "c"}},
    )
    with checked_out(plan, commits(plan)) as placed:
        prepare(placed, repository / "logs")
        folders = {label: Path(server.directory or "") for label, server in placed.servers.items()}
        assert folders["a"] == folders["b"] != folders["c"]
        assert {(folder / "made").read_text() for folder in folders.values()} == {"x"}
    assert sorted(path.name for path in (repository / "logs").iterdir()) == ["a.log", "c.log"]


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["{python}", "-c", "print('no compiler'); exit(3)"], "exited with status 3; the end of its log"),
        (
            ["{python}", "-c", "import time; print('begun', flush=True); time.sleep(60)"],
            "took longer than 0.5 s",
        ),
        (["no-such-program"], "no-such-program exited with status 127"),
    ],
)
def test_preparing_that_fails_is_a_sentence_with_its_log(
    repository: Path, command: list[str], sentence: str
) -> None:
    plan = plan_of(repository, old={"revision": "v1", "prepare": [command], "prepare_s": 0.5})
    if "3" in sentence:
        plan = plan_of(repository, old={"revision": "v1", "prepare": [command]})
    with checked_out(plan, commits(plan)) as placed, pytest.raises(PlanError) as error:
        prepare(placed, repository / "logs")
    assert sentence in str(error.value)
    assert str(error.value).startswith("servers.old.prepare: ")
    log = (repository / "logs" / "old.log").read_text()
    assert log.startswith("$ ")
    assert "no compiler" in log or "begun" in log or "No such file" in log


@pytest.mark.parametrize(
    ("server", "sentence"),
    [
        ({"revision": "v2"}, "servers.mine.revision = 'v2' is no commit of {top}; did you mean 'v1'?"),
        ({"revision": "--all"}, "servers.mine.revision = '--all' is no commit of {top}; valid are main, v1."),
        ({"revision": "v1", "directory": "/"}, "servers.mine.revision = 'v1': / is in no git repository"),
    ],
)
def test_a_revision_that_is_none_is_a_sentence(
    repository: Path, server: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(PlanError) as error:
        commits(plan_of(repository, mine=server))
    assert sentence.format(top=repository) in str(error.value)


def test_a_folder_that_the_revision_lacks_is_a_sentence(repository: Path) -> None:
    (repository / "new").mkdir()
    plan = plan_of(repository, mine={"revision": "v1", "directory": str(repository / "new")})
    with (
        pytest.raises(PlanError, match=r"servers\.mine\.directory: new is not in the revision v1"),
        checked_out(plan, commits(plan)),
    ):
        pass
    assert len(git(repository, "worktree", "list").splitlines()) == 1


HOLDING = """
import sys
from pathlib import Path
from loadtests.lab.revisions import checked_out, commits
from tests.lab.test_revisions import plan_of
plan = plan_of(Path(sys.argv[1]), mine={"revision": "v1"})
with checked_out(plan, commits(plan)):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_run_has_left_is_removed_and_nobody_elses(repository: Path) -> None:
    root = Path(__file__).parent.parent.parent
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", HOLDING, str(repository)]
    with subprocess.Popen(  # noqa: S603
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        revisions.remove_leftovers()
        assert len(git(repository, "worktree", "list").splitlines()) == 2, "it is in use"
        holder.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 20
    while len(git(repository, "worktree", "list").splitlines()) > 1:
        assert time.monotonic() < deadline
        revisions.remove_leftovers()
    usual, _ = revisions._homes()
    assert list(usual.iterdir()) == []


def test_a_repository_that_holds_the_cache_has_its_worktrees_elsewhere(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(repository / "cache"))
    plan = plan_of(repository, mine={"revision": "v1"})
    with checked_out(plan, commits(plan)) as placed:
        assert not Path(placed.servers["mine"].directory or "").is_relative_to(repository)


def test_a_resumed_run_has_the_commit_that_it_began_with(repository: Path, tmp_path: Path) -> None:
    command = ["{python}", "app.py", "{port}"]
    plan = plan_of(repository, mine={"revision": "main", "command": command}, here={"command": command})
    begun = runs.create(plan, "plan", tmp_path / "results", ["twins"], None)
    assert set(begun.manifest.own_code) == set(begun.manifest.runtimes) == {"here"}, (
        "the other is not there yet"
    )
    git(repository, "commit", "-qam", "three")
    resumed = runs.reopen(begun.directory, force=False)
    for _ in range(2):
        with checked_out(resumed.plan, resumed.manifest.revisions) as placed:
            run = runs.complete(resumed, placed)
            assert Path(run.plan.servers["mine"].directory or "", "app.py").read_text() == "VERSION = 'two'\n"
        assert set(run.manifest.own_code) == set(run.manifest.runtimes) == {"mine", "here"}
        resumed = runs.reopen(begun.directory, force=False)
    other = {"own_code": {**resumed.manifest.own_code, "mine": "other"}}
    changed = replace(resumed, manifest=resumed.manifest.model_copy(update=other))
    with checked_out(resumed.plan, resumed.manifest.revisions) as placed:
        with pytest.raises(PlanError, match="is not resumed: the code of mine changed since it was begun"):
            runs.complete(changed, placed)
        assert runs.complete(replace(changed, forced=True), placed).manifest.own_code["mine"] != "other"
