"""An entry of a plan's servers: one of the table, one's own program, or one that runs already."""

from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, model_validator

from loadtests.lab.parts import STRICT, Positive
from loadtests.subjects.own import command_lines

SlotKind = Literal["process", "thread", "greenlet", "task"]
OF_OWN = ("interface", "slots", "slot", "slot_kind", "ready", "ca")
OF_STARTED = ("directory", "python", "revision", "scheme")
SIZES: tuple[Literal["processes", "threads"], ...] = ("processes", "threads")


class PlanServer(BaseModel):
    """A server under test: of the laboratory's table, one's own by `command`, or a running one by `url`."""

    model_config = STRICT

    server: str | None = Field(default=None, description="name in the table; the entry's own where left out")
    command: list[str] | None = Field(
        default=None,
        description="own program; {port}, {host}, {processes}, {threads}, {files} and {python} are filled in",
    )
    url: str | None = Field(
        default=None,
        description="a server that already runs, neither started nor stopped; requests go below its path",
    )
    directory: str | None = Field(
        default=None,
        description="folder that one's own program runs in, relative to the plan; where left out, the one "
        "that the laboratory is started in",
    )
    python: str | None = Field(
        default=None,
        description="interpreter or virtual environment for one's own program, relative to the plan; it "
        "comes first on the PATH",
    )
    revision: str | None = Field(
        default=None,
        description="git revision of the repository that holds the directory; it is checked out elsewhere, "
        "and the server runs there",
    )
    prepare: list[Annotated[list[str], Field(min_length=1)]] = Field(
        default=[],
        description="commands that make the checked-out revision ready, each a list of its arguments, run "
        "without a shell; {python} is filled in",
    )
    prepare_s: Annotated[float, Field(gt=0, le=86_400)] = Field(
        default=600.0, description="time limit of all of prepare"
    )
    fresh: list[Annotated[list[str], Field(min_length=1)]] = Field(
        default=[],
        description="commands that put back what requests have changed, run in its directory before each "
        "start of one's own program, without a shell; {python} is filled in",
    )
    processes: Positive | list[Positive] | None = Field(
        default=None, description="a list makes one server of each"
    )
    threads: Positive | list[Positive] | None = Field(
        default=None, description="of each process; a list makes one server of each"
    )
    code: list[str] = Field(
        default=[],
        description="files, folders and patterns of one's own program, hashed into its identity; where left "
        "out, every .py file below its directory and the files that the command names",
    )
    interface: Literal["wsgi", "asgi"] | None = Field(
        default=None, description="of one's own server: what colours it in the report"
    )
    slots: Positive | None = Field(
        default=None,
        description="of one's own server: requests it can serve at the same time, all processes; where left "
        "out, what processes and threads amount to, where both are given and slot says which of them counts",
    )
    slot: SlotKind | None = Field(
        default=None, description="of one's own server: what one request under way fills"
    )
    slot_kind: SlotKind | None = Field(default=None, description="the same as slot")
    environment: dict[str, str] = {}
    inherit: list[str] = Field(
        default=[],
        description="names, and patterns such as PG*, of variables of the shell that the server takes over; "
        "the archive holds their names and no value",
    )
    ready: str | None = Field(
        default=None,
        pattern="^/",
        description="path that answers with a status below 500 once one's own server is ready; where it and "
        "health are left out, /, unless /health answers 503",
    )
    health: str | None = Field(
        default=None, description="path that answers 200 once the server is ready, instead of ready"
    )
    scheme: Literal["http", "https"] | None = Field(
        default=None, description="what one's own program speaks; http where left out"
    )
    ca: str | None = Field(
        default=None,
        description="file with the authority of the certificate over https, relative to the plan",
    )
    insecure: bool = Field(default=False, description="accept any certificate over https")
    expect: dict[str, Any] = Field(default={}, description="what /health must say, such as worker_class")
    contract: bool | None = Field(
        default=None, description="check answers against the files on disk before measuring"
    )
    optional: bool = Field(
        default=False, description="left out with a sentence where its program is not installed"
    )

    @property
    def fills(self) -> SlotKind | None:
        """What one request under way fills."""
        return self.slot or self.slot_kind

    @property
    def secure(self) -> bool:
        """Whether it speaks TLS."""
        return self.scheme == "https" or (self.url or "").lower().startswith("https:")

    @model_validator(mode="before")
    @classmethod
    def _commands_are_lists(cls, given: Any) -> Any:
        prepare = given.get("prepare") if isinstance(given, dict) else None
        if isinstance(prepare, str) or (
            isinstance(prepare, list) and any(isinstance(p, str) for p in prepare)
        ):
            raise ValueError(
                'prepare is a list of commands, each a list of its arguments, such as [["make", "assets"]]'
            )
        return given

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(value is not None for value in (self.server, self.command, self.url)) > 1:
            raise ValueError("takes one of server, command and url")
        for key in OF_OWN:
            if self.command is None and self.url is None and getattr(self, key) is not None:
                raise ValueError(f"{key} is of one's own server, which is given by command or url")
        for key in OF_STARTED:
            if self.command is None and getattr(self, key) is not None:
                raise ValueError(f"{key} is of one's own program, which is given by command")
        if self.url is not None and (wrong := _wrong_address(self.url)):
            raise ValueError(wrong)
        if self.command == []:
            raise ValueError("command is empty")
        parts = (self.command or [], *self.prepare)
        for text in (
            *(part for command in parts for part in command),
            *self.environment,
            *self.environment.values(),
        ):
            if "\0" in text:
                raise ValueError("command and environment hold no NUL character")
        if wrong_name := next((name for name in self.environment if not name or "=" in name), None):
            raise ValueError(f"environment has no variable of the name {wrong_name!r}")
        return self

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for key, other in (("slot", "slot_kind"), ("ready", "health")):
            if getattr(self, key) is not None and getattr(self, other) is not None:
                raise ValueError(f"takes one of {key} and {other}")
        if self.prepare and self.revision is None:
            raise ValueError(
                "prepare needs revision: it runs where that is checked out, never in your own folder"
            )
        if (self.ca is not None or self.insecure) and not self.secure:
            key = "ca" if self.ca is not None else "insecure"
            raise ValueError(f'{key} is about certificates: it needs scheme = "https", or a url of https')
        if self.ca is not None and self.insecure:
            raise ValueError("takes one of ca and insecure: with insecure no certificate is looked at")
        if self.python is not None and "PATH" in self.environment:
            raise ValueError("takes one of python and environment.PATH: python comes first on the PATH")
        return self

    @model_validator(mode="after")
    def _filled_in(self) -> Self:
        named = command_lines.names(self.command or ())
        if wrong := command_lines.unknown(self.command or (), command_lines.COMMAND):
            raise ValueError(f"command: {wrong}")
        for command in self.prepare:
            if wrong := command_lines.unknown(command, command_lines.PREPARE):
                raise ValueError(f"prepare: {wrong}")
        for key in SIZES:
            value = getattr(self, key)
            if self.command is not None and key in named and value is None:
                raise ValueError(f"command has {{{key}}}: give {key}, too")
            if not isinstance(value, list) or len(value) < 2:
                continue
            if self.url is not None:
                raise ValueError(
                    f"{key} = {value}: a server that runs already is one server, not {len(value)}"
                )
            if self.command is not None and key not in named:
                raise ValueError(
                    f"{key} = {value} makes {len(value)} servers, all alike: command has no {{{key}}}"
                )
            if self.slots is not None and self.fills == ("thread" if key == "threads" else "process"):
                raise ValueError(
                    f"slots = {self.slots} cannot be true of each of {key} = {value}: leave it out, and it "
                    "is what processes and threads amount to"
                )
        return self


def _wrong_address(url: str) -> str | None:
    """Why this is no address of a server; None where it is one."""
    looks = "url looks like http://127.0.0.1:8000 or http://127.0.0.1:8000/base"
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return looks
    if good and (parts.query or parts.fragment):
        return f"{looks}, without a query or a fragment"
    return None if good else looks
