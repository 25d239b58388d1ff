"""A small parent that ends a server and all its processes when the suite goes away.

Run as `python -I -S guardian.py [--cpus 0,1] -- COMMAND…`; it starts COMMAND in a session of its own, with
standard output and error on descriptor 2. On its standard output it writes `started PID` and at the end
`exited STATUS LEFTOVERS`, the status as `subprocess` gives it (negative: a signal). When its standard input
closes, which also happens when the suite is killed, it kills everything it started. Whatever COMMAND leaves
behind is killed too and counted. Standard library only: it must start in milliseconds.
"""

import contextlib
import os
import select
import signal
import sys

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


def main(arguments: list[str]) -> int:
    split = arguments.index("--")
    if "--cpus" in arguments[:split]:
        os.sched_setaffinity(0, {int(cpu) for cpu in arguments[1].split(",")})
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    child = spawn(arguments[split + 1 :])
    say(f"started {child}")
    status: int | None = None
    while status is None:
        readable, _, _ = select.select([0, wake_read], [], [])
        if 0 in readable and not os.read(0, 1024):
            os.kill(child, signal.SIGKILL)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        elif wake_read in readable:
            os.read(wake_read, 1024)
            status = reap(child)
    say(f"exited {status} {kill_leftovers(child)}")
    return 0


def prctl(option: int, value: int) -> None:
    """Linux only; elsewhere the session alone has to do."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def spawn(command: list[str]) -> int:
    child = os.fork()
    if child:
        return child
    try:
        os.setsid()
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):  # ignored after `&`, or under nohup
            signal.signal(number, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        os.execvp(command[0], command)  # noqa: S606  the user's own command, no shell
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
    os._exit(127)


def reap(child: int) -> int | None:
    """Collect every ended process; the exit status of the child if it is among them."""
    status = None
    while True:
        try:
            pid, result = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status
        if pid == 0:
            return status
        if pid == child:
            status = os.waitstatus_to_exitcode(result)


def kill_leftovers(session: int) -> int:
    """Kill what is left of the session and of our own descendants, until nothing is; returns how many."""
    killed: set[int] = set()
    while left := [pid for pid in family(session) if pid != os.getpid()]:
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
        reap(session)
        select.select([], [], [], 0.002)
    return len(killed)


def family(session: int) -> list[int]:
    """Live processes of the session, and those that descend from us; [] where there is no /proc."""
    parents, members, me = {}, set(), os.getpid()
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    fields = file.read().rpartition(b")")[2].split()
            except OSError:
                continue
            if fields[0] not in (b"Z", b"X"):
                parents[int(name)] = int(fields[1])
                if int(fields[3]) == session:
                    members.add(int(name))
    for pid in parents:
        above = pid
        while above in parents and above != me:
            above = parents[above]
        if above == me:
            members.add(pid)
    return sorted(members)


def say(line: str) -> None:
    with contextlib.suppress(OSError):  # the suite is gone; the killing goes on
        os.write(1, line.encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
