"""The instrument's options on Locust's command line and in its web UI, read into one checked value."""

from argparse import Namespace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from loadtests.load.options import Options
from loadtests.load.schedule import Profile, parse_profile
from loadtests.subjects.registry import SCENARIOS
from loadtests.subjects.subject import all_parameters

CLIENTS = ("wire", "fasthttp", "http")
FEWEST_IN_FLIGHT, MOST_IN_FLIGHT = 1_000, 8_000


# name, default as the web UI shows it, help
_TEXTS: tuple[tuple[str, str, str], ...] = (
    ("out", "", "folder for samples.bin, live.jsonl and generator.json"),
    ("warmup", "0", "seconds of warm-up, recorded and left out of the figures"),
    ("warmup-max", "", "warm up until steady, from --twins-warmup up to so many seconds"),
    ("duration", "", "seconds of measuring; without it, until stopped"),
    ("drain", "10", "seconds that unfinished requests are waited for"),
    ("seed", "1", "seed of arrivals, choices and digests"),
    ("rate", "", "open loop: arrivals per second, as 2000, steps 100x10,500x5 or ramps 100>500x10"),
    ("arrivals", "poisson", "open loop: poisson, constant or a file with one time in seconds per line"),
    ("in-flight", "", "open loop: the most requests in flight; the others are counted as dropped"),
    ("stages", "", "closed loop: users over time, as 8x10,32x10 (users x seconds)"),
    ("client", "wire", "wire, or Locust's own fasthttp or http"),
    ("connections", "keepalive", "keepalive, close, user or the number of requests per connection"),
    ("files", "", "the folder the server serves, to read expected bodies from"),
    ("requests", "", "for the users `Requests`: the file of a plan's requests"),
    ("connect-timeout", "5", "seconds"),
    ("first-byte-timeout", "30", "seconds"),
    ("total-timeout", "60", "seconds"),
    ("read-rate", "", "read answers at so many bytes per second"),
    ("send-rate", "", "send requests at so many bytes per second"),
    ("digest-one-in", "10", "of bodies too large to compare, digest one in so many"),
    ("authority", "", "file with the certificate authority of the server"),
    ("insecure", "no", "yes: accept any certificate"),
)


def add_options(parser: Any) -> None:
    """Add `--twins-…` to Locust's parser; all are text, so that the web UI can show and change them."""
    for name, default, text in _TEXTS:
        parser.add_argument(f"--twins-{name}", default=default, help=text, metavar="TEXT")
    for variants in all_parameters(SCENARIOS.values()).values():
        defaults = ", ".join(dict.fromkeys(str(variant.default) for variant in variants))
        parser.add_argument(
            variants[0].option, default="", help=f"{variants[0].help} (default: {defaults})", metavar="TEXT"
        )


def scenario_values(namespace: Namespace) -> dict[str, str]:
    """The scenario parameters that were given."""
    given = {
        name: str(getattr(namespace, f"twins_{name}", "") or "")
        for name in all_parameters(SCENARIOS.values())
    }
    return {name: text for name, text in given.items() if text}


def read_options(namespace: Namespace) -> Options:
    """Check and convert; raises ValueError with one plain sentence naming key, value and a valid one."""
    text = {
        name: str(getattr(namespace, "twins_" + name.replace("-", "_"), default) or "").strip()
        for name, default, _ in _TEXTS
    }
    rate = text["rate"] or None
    profile = parse_profile(rate) if rate else None
    arrivals, replay = text["arrivals"], None
    if arrivals not in ("poisson", "constant"):
        replay = Path(arrivals)
        if not replay.is_file():
            raise ValueError(
                f"--twins-arrivals is '{arrivals}', which is no file: it is poisson, constant or a file."
            )
    duration_s = _number("duration", text["duration"]) if text["duration"] else None
    if duration_s == 0:
        raise ValueError("--twins-duration is 0: a measurement lasts longer than 0 s.")
    stages = text["stages"] or None
    if stages and (profile or replay):
        raise ValueError("--twins-stages changes the users of the closed loop: --twins-rate has none.")
    warmup_s = _number("warmup", text["warmup"])
    varying = bool(replay or stages or (profile and len(profile) > 1))
    return Options(
        out=Path(text["out"]) if text["out"] else None,
        warmup_s=warmup_s,
        warmup_max_s=_warmup_max(text["warmup-max"], warmup_s, varying) if text["warmup-max"] else None,
        duration_s=duration_s,
        drain_s=_number("drain", text["drain"]),
        seed=int(_number("seed", text["seed"], whole=True)),
        rate=rate,
        profile=profile,
        arrivals="replay" if replay else arrivals,
        replay=replay,
        in_flight=_in_flight(text["in-flight"], profile),
        stages=stages,
        client=_choice("client", text["client"], CLIENTS),
        connections=_connections(text["connections"]),
        files=Path(text["files"]) if text["files"] else None,
        connect_timeout_s=_number("connect-timeout", text["connect-timeout"]),
        first_byte_timeout_s=_number("first-byte-timeout", text["first-byte-timeout"]),
        total_timeout_s=_number("total-timeout", text["total-timeout"]),
        read_rate=int(_number("read-rate", text["read-rate"], whole=True, least=1))
        if text["read-rate"]
        else None,
        send_rate=int(_number("send-rate", text["send-rate"], whole=True, least=1))
        if text["send-rate"]
        else None,
        digest_one_in=int(_number("digest-one-in", text["digest-one-in"], whole=True, least=1)),
        authority=Path(text["authority"]) if text["authority"] else None,
        insecure=_choice("insecure", text["insecure"], ("no", "yes")) == "yes",
        requests=Path(text["requests"]) if text["requests"] else None,
    )


def _warmup_max(text: str, warmup_s: float, varying: bool) -> float:
    most = _number("warmup-max", text, least=warmup_s)
    if varying:
        raise ValueError("--twins-warmup-max waits until the run is steady, and this load changes over time.")
    if not warmup_s:
        raise ValueError("--twins-warmup-max needs --twins-warmup: what is steady is judged over that long.")
    return most


def _in_flight(text: str, profile: Profile | None) -> int:
    """Two seconds of arrivals, so that a stall of one second is measured and not dropped."""
    if text:
        return int(_number("in-flight", text, whole=True, least=1))
    fastest = max((max(s.first_per_s, s.last_per_s) for s in profile or ()), default=0.0)
    return min(MOST_IN_FLIGHT, max(FEWEST_IN_FLIGHT, round(2 * fastest)))


def _connections(text: str) -> str:
    if text.isdigit() and int(text) > 0:
        return str(int(text))
    return _choice("connections", text, ("keepalive", "close", "user"))


def _choice(name: str, text: str, valid: tuple[str, ...]) -> str:
    if text not in valid:
        near = get_close_matches(text, valid, 1, 0)
        raise ValueError(f"--twins-{name} is '{text}': the nearest valid value is '{(near or valid)[0]}'.")
    return text


def _number(name: str, text: str, *, whole: bool = False, least: float = 0) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"--twins-{name} is '{text}': it is a number, {least:g} or more.") from None
    if not least <= number < float("inf"):
        raise ValueError(f"--twins-{name} is {text}: the nearest valid value is {least:g}.")
    if whole and number != int(number):
        raise ValueError(f"--twins-{name} is {text}: the nearest valid value is {round(number)}.")
    return number
