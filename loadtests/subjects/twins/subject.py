"""The twins as a subject: the one value by which the laboratory knows them."""

from pathlib import Path

from loadtests.subjects.subject import Subject
from loadtests.subjects.twins.launching import generator_environment
from loadtests.subjects.twins.proxying import proxy
from loadtests.subjects.twins.scenarios import SCENARIOS
from loadtests.subjects.twins.servers import SERVERS
from shared.corpus import default_directory, ensure_corpus
from shared.settings import SettingError

PLAN_TEMPLATE = """\
# One sentence that says what this plan is for.
blocks = 5
seed = 1

[time]
warmup_s = 2
measure_s = 10

[load]
users = [8, 32]          # or rates = [200, 400], or level = "search"

[servers.wsgi-gthread]   # a name of `twins list servers`
threads = 32

[servers.asgi-uvicorn]

# One's own server: {port}, {host} and {files} are filled in.
# [servers.mine]
# command = ["gunicorn", "-b", "127.0.0.1:{port}", "mine:app"]
# health = "/"
# contract = false

[scenarios.download-small]   # a name of `twins list scenarios`

[scenarios.wait]
kind = "process-wait"
parameters = { wait_ms = 20 }

[[compare]]
server = "asgi-uvicorn"
baseline = "wsgi-gthread"
scenario = "wait"
level = { kind = "users", value = 32 }
metric = "throughput"
"""

TWINS = Subject(
    name="twins",
    scenarios=SCENARIOS,
    servers=SERVERS,
    plans=Path(__file__).parent / "plans",
    plan_template=PLAN_TEMPLATE,
    code=("shared", "wsgi_app", "asgi_app"),
    distributions=("flask", "gunicorn", "fastapi", "uvicorn"),
    files=lambda: ensure_corpus(default_directory()),
    generator_environment=generator_environment,
    commands=(proxy,),
    mistakes=(SettingError,),
)
