"""The plan to start from: one text, about two commands or about servers of the laboratory's table (pure)."""

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from loadtests.lab.plan import PlanError
from loadtests.subjects.own import command_lines

USERS = 32

TEMPLATE = """\
# {purpose}
blocks = 5                # fresh starts of each server, in shuffled order; three give a verdict
seed = 1

[time]
warmup_s = 2              # at the least, and until throughput is steady
measure_s = 10

[load]
users = [8, {users}]           # or rates = [200, 400], or level = "search"

{servers}
{scenario}
[[compare]]
server = "{server}"
baseline = "{baseline}"
scenario = "{name}"
level = {{ kind = "users", value = {users} }}
metric = "throughput"     # a comparison each; response_p99 is another
"""

OF_THE_TABLE = """\
[servers.wsgi-gthread]    # a name of `twins list servers`
threads = 32

[servers.asgi-uvicorn]

# One's own server: `twins init "COMMAND" "COMMAND"` writes a plan of two.
"""

TABLE_SCENARIO = """\
[scenarios.download-small]   # a name of `twins list scenarios`

[scenarios.wait]
kind = "process-wait"
parameters = { wait_ms = 20 }
"""

OWN_SCENARIO = """\
[scenarios.own]
ignore = []               # what may differ: "$.id", "header:etag"; `twins same` proposes it
[[scenarios.own.requests]]   # as many as there are kinds of requests, each with its weight
path = {path}
# method = "POST", json = {{ item = "{{id}}" }}, status = 201; feed = "items.csv" gives {{id}}
"""

OWN_SERVER = """\
[servers.{name}]
command = {command}
"""

OWN_HINTS = """\
ready = {path}            # answered once it serves; directory, python, revision say where it runs
# slots = 8               # what it serves at once, and what fills one: slot = "thread"
"""


@dataclass(frozen=True)
class Contender:
    """A server of one's own by its name and its command."""

    name: str
    command: tuple[str, ...]


def contenders(commands: Sequence[str]) -> list[Contender]:
    """Two commands as one types them; raises PlanError for one that cannot be a server's."""
    words = [_words(command) for command in commands]
    names = [_name(command) for command in words]
    twice = len(set(names)) < len(names)
    return [
        Contender(f"{name}-{'ab'[number]}" if twice else name, tuple(command))
        for number, (name, command) in enumerate(zip(names, words, strict=True))
    ]


def table_plan() -> str:
    """A plan of two servers of the table."""
    return TEMPLATE.format(
        purpose="One sentence that says what this plan is for.",
        users=USERS,
        servers=OF_THE_TABLE,
        scenario=TABLE_SCENARIO,
        server="asgi-uvicorn",
        baseline="wsgi-gthread",
        name="wait",
    )


def own_plan(sides: Sequence[Contender], path: str) -> str:
    """A plan of two commands that asks for one path; the second is compared with the first."""
    if not path.startswith("/"):
        raise PlanError(f"--path {path}: it begins with /, such as /items/1.")
    baseline, server = sides
    shown = json.dumps(path)
    servers = "\n".join(
        OWN_SERVER.format(name=side.name, command=json.dumps(list(side.command)))
        + OWN_HINTS.format(path=shown)
        for side in sides
    )
    return TEMPLATE.format(
        purpose=f"How does {server.name} fare against {baseline.name}?",
        users=USERS,
        servers=servers,
        scenario=OWN_SCENARIO.format(path=shown),
        server=server.name,
        baseline=baseline.name,
        name="own",
    )


def _words(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise PlanError(f"the command {command!r} cannot be read: {error}.") from None
    if not words:
        raise PlanError("a command is empty.")
    if "port" not in command_lines.names(words):
        raise PlanError(
            f"the command {command!r} does not say where its port goes: write {{port}} there, as in "
            "--bind 127.0.0.1:{port}."
        )
    return words


def _name(words: Sequence[str]) -> str:
    """The program's, or that of the module that Python runs."""
    program = PurePath(words[0]).name
    if re.fullmatch(r"python[0-9.]*|\{python\}", program) and len(words) > 2 and words[1] == "-m":
        program = words[2]
    return re.sub(r"[^A-Za-z0-9._-]+", "-", program).strip("-._")[:48] or "server"
