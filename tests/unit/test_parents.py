"""A forked process that ends in order when its parent is killed."""

import signal
import subprocess
import sys

FAMILY = """
import os, signal, time
from shared.parents import terminate_with

parent = os.getpid()
if os.fork() == 0:
    signal.signal(signal.SIGTERM, lambda *_: os.write(1, b"in order") and os._exit(0))
    terminate_with(parent)
    os.write(1, b"ready ")
    time.sleep(30)
    os._exit(1)
time.sleep(30)
"""
LATE = "from shared.parents import terminate_with; terminate_with(1 << 30); print('goes on')"


def test_a_process_gets_sigterm_when_its_parent_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", FAMILY], stdout=subprocess.PIPE) as parent:  # noqa: S603
        assert parent.stdout is not None
        assert parent.stdout.read(6) == b"ready "
        parent.kill()
        assert parent.stdout.read() == b"in order"


def test_a_process_whose_parent_ended_before_gets_it_at_once() -> None:
    done = subprocess.run([sys.executable, "-c", LATE], capture_output=True, timeout=30)  # noqa: S603
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, b"")
