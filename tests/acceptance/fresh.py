"""Twins on a fresh machine: `make compare`, `make test` and a user without a home, in a folder of Debian's.

debootstrap makes the folder, from the mirror of apt here: Debian 13, and Debian's newest Python. Run
it as root: `make accept fresh`; TWINS_FRESH="trixie" chooses a release, TWINS_FRESH_TESTS="tests/unit" tests.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
RELEASES = ("trixie", "sid")
PACKAGES = "python3,python3-venv,make,ca-certificates"
TAKEN = ("index-url", "trusted-host", "proxy", "cert", "timeout", "default-timeout", "retries")
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
RUN = ("run", "health", "--server", "wsgi-gthread", "--users", "2", "--duration", "2", "--warmup", "1")
INSIDE = "/twins"
ALONE = ("--mount", "--pid", "--fork", "--kill-child")


def mirror() -> str:
    """The Debian mirror of this machine: where apt has the release that runs here from."""
    release = re.search(r"^VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text(), re.MULTILINE)
    name = release[1] if release else ""
    for path in sorted(Path("/etc/apt").glob("sources.list*/**/*.sources")):
        for part in path.read_text().split("\n\n"):
            fields = dict(re.findall(r"^(\w+):\s*(.+)$", part, re.MULTILINE))
            if name in fields.get("Suites", "").split():
                return str(fields["URIs"].split()[0])
    for path in (Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt").glob("sources.list.d/*.list"))):
        lines = path.read_text() if path.is_file() else ""
        found = re.search(rf"^deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+{name}\s", lines, re.MULTILINE)
        if found:
            return found[1]
    raise SystemExit("apt has no mirror of Debian here.")


def pip_settings(folder: Path) -> dict[str, str]:
    """This machine's way to its package index, as variables for the folder, certificates copied into it."""
    told = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    pairs = re.findall(r"^[\w:]+\.([\w-]+)='(.*)'$", told, re.MULTILINE)
    settings = {"PIP_" + key.upper().replace("-", "_"): value for key, value in pairs if key in TAKEN}
    network = ("HTTPS_PROXY", "https_proxy", "SSL_CERT_FILE", "NO_PROXY", "no_proxy")
    settings |= {name: os.environ[name] for name in network if name in os.environ}
    for name in ("PIP_CERT", "SSL_CERT_FILE"):
        if name in settings:
            place = folder / settings[name].lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(settings[name], place)
    return settings


def lay(folder: Path, release: str) -> None:
    """Debian of that release, and the working tree in `/twins`."""
    command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", release, str(folder), mirror()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise SystemExit(f"debootstrap of {release} failed: {done.stdout[-500:]}")
    for name in ("resolv.conf", "hosts"):
        shutil.copy(f"/etc/{name}", folder / "etc" / name)
    listing = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.check_output(listing, text=True).split("\0"):  # noqa: S603
        if name and (ROOT / name).is_file():
            (folder / "twins" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / "twins" / name)


def within(
    folder: Path, command: list[str], environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a command in the folder as its root; its mounts and processes end with it."""
    mounts = " && ".join(
        (
            f"mount -t proc proc {shlex.quote(str(folder / 'proc'))}",
            f"mount --rbind /dev {shlex.quote(str(folder / 'dev'))}",
            f'exec chroot {shlex.quote(str(folder))} sh -c \'cd {INSIDE} && exec "$@"\' sh "$@"',
        )
    )
    system = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/root"}
    return subprocess.run(  # noqa: S603
        [shutil.which("unshare") or "unshare", *ALONE, "sh", "-c", mounts, "sh", *command],
        env={**system, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def steps(release: str) -> Iterator[tuple[str, list[str], dict[str, str], int, str]]:
    """Name, command, further variables, the exit code that is right, and words that must be said."""
    chosen = os.environ.get("TWINS_FRESH_TESTS", "").split()
    test = [".venv/bin/python", "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", *chosen]
    twins = [".venv/bin/twins", *RUN]
    homeless = {"HOME": "/nonexistent"}
    places = {"XDG_CACHE_HOME": "/tmp/cache", "TWINS_RESULTS": "/tmp/results"}  # noqa: S108  of the folder's own
    yield "make compare", ["make", "compare"], {}, 0, "report: results/"
    yield (
        "no home, a folder that cannot be written",
        [*NOBODY, *twins],
        homeless,
        2,
        "set XDG_CACHE_HOME and TWINS_RESULTS to folders that can",
    )
    yield "the same with both set", [*NOBODY, *twins], homeless | places, 0, "health on wsgi-gthread: "
    yield (
        ("tests: " + " ".join(chosen), test, {}, 0, " passed")
        if chosen
        else ("make test", ["make", "test"], {}, 0, " passed")
    )


def try_release(release: str) -> bool:
    """Carry out all steps; whether each of them was right."""
    good = True
    with tempfile.TemporaryDirectory(prefix="twins-fresh-", ignore_cleanup_errors=True) as place:
        folder = Path(place) / release
        began = time.monotonic()
        lay(folder, release)
        settings = pip_settings(folder)
        version = within(folder, ["python3", "--version"], {}).stdout.strip()
        print(f"{release}: {version}, laid in {time.monotonic() - began:.0f} s", flush=True)
        for name, command, more, code, words in steps(release):
            began = time.monotonic()
            done = within(folder, command, settings | more)
            told = done.stdout + done.stderr
            # what failed beside others and passed alone leaves its traceback in what the tests say
            plain = "Traceback" not in told or words == " passed"
            right = done.returncode == code and words in told and plain
            good = good and right
            last = (told.strip().splitlines() or [""])[-1]
            took = f"{time.monotonic() - began:.0f} s"
            print(
                f"  {'ok' if right else 'WRONG'}  {name}: exit {done.returncode}, {took}: {last}", flush=True
            )
            if not right:
                print(told[-6000:])
    return good


def main() -> int:
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        print("make accept fresh: this needs root and debootstrap (Debian: apt install debootstrap).")
        return 2
    releases = os.environ.get("TWINS_FRESH", "").split() or RELEASES
    tried = [try_release(release) for release in releases]
    return 0 if all(tried) else 1


if __name__ == "__main__":
    sys.exit(main())
