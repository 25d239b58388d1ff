"""The users of a plan's requests before the run: files read, secrets taken up, everybody logged in."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from gevent.pool import Pool

from loadtests.load.measurement import Measurement
from loadtests.load.options import Options
from loadtests.load.visitors import Visitors
from loadtests.model.asks import Unprepared
from loadtests.model.records import Check
from loadtests.subjects.own.feeds import Feed, Row, order, read_feed
from loadtests.subjects.own.naming import check_workload
from loadtests.subjects.own.recipes import SECRET
from loadtests.subjects.own.requests import PlanFeed, Workload, read_workload
from loadtests.wire.client import Client
from loadtests.wire.message import Address

AT_ONCE = 8
"""Logins under way at the same time."""
NewClient = Callable[[], AbstractContextManager[Client]]


def gathered(
    options: Options, target: Address, part: tuple[int, int], users: int, new_client: NewClient
) -> Visitors:
    """So many users, or in the open loop the plan's sessions; raises ValueError and Unprepared."""
    workload = _workload(options.requests)
    feed, accounts = _feed(workload.feed), _feed(workload.accounts)
    check_workload(workload, feed.columns if feed else (), accounts.columns if accounts else ())
    visitors = Visitors(
        workload,
        target,
        close=options.connections == "close",
        parts=options.client != "wire",
        values=_secrets(workload),
        columns=feed.columns if feed else (),
        rows=_rows(feed, workload.feed, options.seed, part),
        accounts=_rows(accounts, workload.accounts, options.seed, part),
        new_client=new_client,
    )
    visitors.learn(
        next(_rows(feed, workload.feed, options.seed, (0, 1)), {}),
        next(_rows(accounts, workload.accounts, options.seed, (0, 1)), {}),
    )
    _, parts = part
    count = -(-workload.sessions // parts) if options.open_loop else users
    pool = Pool(AT_ONCE)
    greenlets = [pool.spawn(visitors.log_in) for _ in range(count)]
    pool.join(raise_error=False)
    for greenlet in greenlets:
        if greenlet.exception is not None:
            raise greenlet.exception
        visitors.keep(greenlet.value)
    return visitors


def feed_check(measurement: Measurement) -> Check:
    """Where the feed may end, for how long it lasted: nothing is measured of one that ends in the warm-up."""
    recorder = measurement.recorder
    measured_s = max(0.0, (recorder.end_us - recorder.warmup_us) / 1e6)
    ended = measurement.exhausted.is_set()
    return Check(
        name="feed",
        status="failed" if ended and not measured_s else "ok",
        figure=measured_s,
        limit=None,
        unit="s",
        advice="the feed came to its end, and end = 'stop' begins none anew" if ended else "",
        consequence="invalid",
    )


def _workload(path: Path | None) -> Workload:
    if path is None:
        raise ValueError("--twins-requests is missing: the users Requests ask what stands in that file.")
    try:
        return read_workload(path)
    except OSError as error:
        raise ValueError(f"--twins-requests is '{path}', which cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise ValueError(f"--twins-requests is '{path}', which holds no requests: {error}") from None


def _feed(planned: PlanFeed | None) -> Feed | None:
    return None if planned is None else read_feed(Path(planned.file))


def _rows(feed: Feed | None, planned: PlanFeed | None, seed: int, part: tuple[int, int]) -> Iterator[Row]:
    return iter(()) if feed is None or planned is None else order(feed, planned, seed, *part)


def _secrets(workload: Workload) -> dict[str, str]:
    for name in workload.environment():
        if not os.environ.get(name):
            raise Unprepared(f"the requests take a value from env:{name}, and no variable {name} is set.")
    return {SECRET + name: os.environ[name] for name in workload.environment()}
