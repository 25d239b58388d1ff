"""The twins as a subject: the one value by which the laboratory knows them."""

from pathlib import Path

from loadtests.subjects.subject import Subject
from loadtests.subjects.twins.launching import generator_environment
from loadtests.subjects.twins.proxying import proxy
from loadtests.subjects.twins.scenarios import SCENARIOS
from loadtests.subjects.twins.servers import SERVERS
from shared.corpus import default_directory, ensure_corpus
from shared.settings import SettingError

TWINS = Subject(
    name="twins",
    scenarios=SCENARIOS,
    servers=SERVERS,
    plans=Path(__file__).parent / "plans",
    code=("shared", "wsgi_app", "asgi_app"),
    distributions=("flask", "gunicorn", "fastapi", "uvicorn"),
    files=lambda: ensure_corpus(default_directory()),
    generator_environment=generator_environment,
    commands=(proxy,),
    mistakes=(SettingError,),
)
