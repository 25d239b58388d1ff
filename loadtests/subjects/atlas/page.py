"""`docs/servers.md`: the atlas as a page, a pure function of the table of probes and the reference."""

import sys
from collections.abc import Sequence
from pathlib import Path

from loadtests.subjects.atlas import readings
from loadtests.subjects.atlas.left_out import LEFT_OUT
from loadtests.subjects.atlas.probe import Probe
from loadtests.subjects.atlas.readings import Atlas, Reading, ServerReading
from loadtests.subjects.atlas.table import GROUPS, PROBES

PAGE = Path(__file__).parents[3] / "docs" / "servers.md"
MARK = "✗"
HEAD = """# What every server really does

{servers} servers, each launched by the line below with its project's own defaults (gthread with four threads)
and asked {probes} questions with valid input over real sockets, on bare applications. {mark} marks what
differs from the rule that stands with the question; a figure or a range behind an answer is what {runs} runs
saw of a timed, counted or random one. Python {python}, {system}.

Ask the servers of your own environment with `twins atlas`, or one with `twins atlas uvicorn-h11`; what
differs from this page is named at the end. Your own servers are asked what any application answers, with
`twins atlas --plan FILE`; where a server's command serves `bare:wsgi` or `bare:asgi`, all of it.
"""
SHARING = """
## What helps where one process takes too much

A connection belongs to the process that accepted it, with all requests that come on it. The report tells
the part of the busiest process in every cell of a server with several, and the check `balance` warns where
it is more than 1.25 times an even part. Seen of 32 kept connections over two processes, 12 times each, with
the releases above:

| server | as it is | with `--reuse-port` | with `--worker-connections 16` |
|---|---|---|---|
| gunicorn-gthread | 16 to 32 at the busiest | 16 to 23 | 16, always |
| gunicorn-gevent | 16 to 28 | 16 to 22 | 16, always |
| gunicorn-asgi | 16 to 22 | 16 to 22 | 16 to 24: it is not obeyed |
| gunicorn-sync, which keeps none | 16 to 17 | 16 to 21 | |
| granian, which listens once a process | 17 to 21 | | |
| uvicorn-httptools | 17 to 30 | no such option | no such option |

- **A bound for each process** is the surest: gthread and gevent accept no more than `--worker-connections`,
  and what one refuses the other takes. It has to be the clients' connections over the processes, or a
  little more.
- **A listening socket for each process** (`SO_REUSEPORT`: gunicorn's `--reuse-port`, granian by itself)
  leaves it to the kernel's hash of the addresses: near to even for many connections, and by chance for few.
  uvicorn and hypercorn share one socket, and whichever process wakes first accepts: start several of one
  process each behind a proxy.
- **Connections that are kept for less long**, or for fewer requests, are shared out anew more often: with
  `Connection: close` the busiest of two processes took 50 to 58 % of the requests on uvicorn, granian and
  gunicorn's sync and gthread, where with kept connections it was up to 87 % (32 clients that ask without a
  pause, 5 times each).
"""

TWINS = """
## Which of them serve the twins

gunicorn, uvicorn and granian serve the twins. The others start with a face, too, but do not keep the
contract by which the twins are compared, and so are no rows of the table (`tests/contract/test_left_out.py`
sees it on real sockets, and says so when a release mends it):
"""


def text(atlas: Atlas) -> str:
    parts = [
        HEAD.format(
            servers=len(atlas.servers),
            probes=len(PROBES),
            mark=MARK,
            runs=atlas.runs,
            python=".".join(atlas.python.split(".")[:2]),
            system=atlas.system,
        ),
        "## The servers\n",
        *_launches(atlas),
    ]
    for group in GROUPS:
        probes = [probe for probe in PROBES if probe.group == group]
        parts += [f"\n## {group}\n", *_table(atlas, probes), "", *_explained(probes)]
    return "\n".join([*parts, SHARING, *_left_out()])


def _left_out() -> list[str]:
    reasons = (f"- **{left.server}**: {'; '.join(b.wrong for b in left.breaches)}." for left in LEFT_OUT)
    return [TWINS, *reasons, ""]


def _launches(atlas: Atlas) -> list[str]:
    lines = ["| server | releases | launch line |", "|---|---|---|"]
    for name, server in atlas.servers.items():
        releases = ", ".join(f"{part} {release}" for part, release in server.versions.items())
        lines.append(f"| {name} | {releases} | `{server.command}` |")
    return lines


def _table(atlas: Atlas, probes: Sequence[Probe]) -> list[str]:
    concerned = {
        name: server
        for name, server in atlas.servers.items()
        if any(probe.concerns(server.interface) for probe in probes)
    }
    heads = [f"{name}<br>{next(iter(server.versions.values()))}" for name, server in concerned.items()]
    lines = [f"| | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for probe in probes:
        cells = [cell(probe, server) for server in concerned.values()]
        lines.append(f"| [{probe.name}](#{probe.name}) | {' | '.join(cells)} |")
    return lines


def cell(probe: Probe, server: ServerReading) -> str:
    row = server.rows.get(probe.name)
    if row is None:
        return "—"
    mark = f"{MARK} " if probe.differs(row.answer) else ""
    figure = figures(row, probe.unit)
    return f"{mark}{row.answer}{f' ({figure})' if figure else ''}".replace("|", "\\|")


def figures(row: Reading, unit: str) -> str:
    if row.low is None or row.high is None:
        return ""
    if unit == "s" and row.high < 0.01:
        return "under 0.01 s"
    low, high = f"{row.low:.3g}", f"{row.high:.3g}"
    return f"{low if low == high else f'{low} to {high}'} {unit}".strip()


def _explained(probes: Sequence[Probe]) -> list[str]:
    return [
        f'- <a id="{probe.name}"></a>**{probe.name}**: {probe.question} '
        f"Sent: {probe.sent}. Rule: {probe.rule}. *{probe.matters}*"
        for probe in probes
    ]


def main(paths: Sequence[str]) -> None:
    """Make the reference of runs that `twins atlas --json` printed, and the page of the reference."""
    if paths:
        readings.write(readings.merged(readings.read(Path(path)) for path in paths))
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(text(readings.read()), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
