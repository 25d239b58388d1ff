"""The load generator as a child process: phases, documents, mistakes, interruption, Locust's own table."""

import csv
import json
import signal
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from loadtests.model.samples import DROPPED, KINDS, PHASES
from tests.instrument.running import fetch, finish, generate, get, planted, start


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with planted() as port:
        yield port


def test_requests_belong_to_the_phase_in_which_they_were_due(port: int, tmp_path: Path) -> None:
    outcome = get(tmp_path, port, "/constant/50", "--twins-warmup", "1", users=3, duration=1)
    samples, document = outcome.samples, outcome.document
    assert document.warmup_us == 1_000_000
    assert document.measure_us == 2_000_000
    planned = np.digitize(samples["due_us"], [document.warmup_us, document.measure_us])
    assert (samples["phase"] == planned).all()
    assert set(samples["phase"].tolist()) == {PHASES.index("warmup"), PHASES.index("measure")}
    assert set(samples["user"].tolist()) == {1, 2, 3}
    ended = samples["due_us"] + samples["last_byte_us"]
    assert (np.diff(ended) > -1_000).all(), "samples are in order of completion"
    order = ("dequeued_us", "connected_us", "sent_us", "first_byte_us", "last_byte_us")
    for earlier, later in pairwise(order):
        assert (samples[earlier] <= samples[later]).all()


def test_the_next_request_of_a_user_is_due_when_the_answer_before_it_ended(port: int, tmp_path: Path) -> None:
    outcome = get(tmp_path, port, "/constant/20", "--twins-think-ms", "30", users=1, duration=1)
    samples = outcome.samples
    ended = samples["due_us"] + samples["last_byte_us"]
    assert (np.abs(samples["due_us"][1:] - ended[:-1] - 30_000) <= 1).all()


def test_one_live_line_a_second_adds_up_to_the_samples(port: int, tmp_path: Path) -> None:
    outcome = get(tmp_path, port, "/every/10/503", users=2, duration=2.2)
    lines = outcome.live()
    assert [line["second"] for line in lines] == [0, 1, 2]
    assert sum(line["ok"] for line in lines) == outcome.kinds()["ok"]
    assert sum(line["failed"] for line in lines) == outcome.kinds()["status"]
    assert lines[0]["users"] == 2
    assert lines[0]["p50_us"] > 0


def test_lines_and_samples_are_there_while_it_runs(port: int, tmp_path: Path) -> None:
    process = start(
        tmp_path,
        f"http://127.0.0.1:{port}",
        *("Get", "--headless", "--only-summary", "--twins-path", "/", "--twins-duration", "30"),
    )
    try:
        deadline = time.monotonic() + 20
        while not (tmp_path / "live.jsonl").is_file() or not (tmp_path / "live.jsonl").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert (tmp_path / "samples.bin").stat().st_size > 0
    finally:
        process.send_signal(signal.SIGINT)
        outcome = finish(tmp_path, process)
    assert outcome.status == 0
    assert outcome.document.due == len(outcome.samples)
    assert fetch(port, "/count") >= outcome.document.sent


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_request_is_censored_and_counted(tmp_path: Path, number: int) -> None:
    with planted() as port:
        process = start(
            tmp_path,
            f"http://127.0.0.1:{port}",
            *("Get", "--headless", "--only-summary", "--twins-path", "/every/3/silent", "--users", "2"),
            *("--spawn-rate", "2", "--twins-duration", "60"),
        )
        deadline = time.monotonic() + 20
        while fetch(port, "/count") < 4:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.5)
        process.send_signal(number)
        outcome = finish(tmp_path, process)
        assert outcome.status == 0
        assert outcome.kinds()["censored"] == 2
        assert fetch(port, "/count") == outcome.document.sent


def test_what_is_unfinished_after_the_drain_is_censored_at_its_age(port: int, tmp_path: Path) -> None:
    outcome = get(tmp_path, port, "/constant/3000", "--twins-drain", "0.5", users=2, duration=0.5)
    samples = outcome.samples
    assert [KINDS[kind] for kind in samples["kind"].tolist()] == ["censored", "censored"]
    assert ((samples["last_byte_us"] > 900_000) & (samples["last_byte_us"] < 2_500_000)).all()


def test_more_than_the_bound_in_flight_is_dropped_and_recorded(port: int, tmp_path: Path) -> None:
    outcome = get(
        tmp_path,
        port,
        "/constant/500",
        "--twins-rate",
        "50",
        "--twins-arrivals",
        "constant",
        "--twins-in-flight",
        "5",
    )
    samples = outcome.samples
    assert len(samples) == outcome.document.due == 50
    dropped = samples[samples["kind"] == DROPPED]
    assert outcome.document.sent == 50 - len(dropped) + outcome.document.prepared
    assert 35 <= len(dropped) <= 42


def test_locusts_csv_agrees_with_the_samples(port: int, tmp_path: Path) -> None:
    files = ("--csv", str(tmp_path / "stock"), "--json-file", str(tmp_path / "stock"))
    outcome = get(tmp_path, port, "/every/7/wrong", *files, users=2, duration=0.5)
    with open(tmp_path / "stock_stats.csv", encoding="utf-8") as file:
        row = next(row for row in csv.DictReader(file) if row["Name"] == "/every/7/wrong")
    samples = outcome.samples
    assert int(row["Request Count"]) == len(samples)
    assert int(row["Failure Count"]) == outcome.kinds()["body"]
    assert float(row["Max Response Time"]) == pytest.approx(samples["last_byte_us"].max() / 1000)
    assert float(row["Average Response Time"]) == pytest.approx(samples["last_byte_us"].mean() / 1000)
    (entry,) = json.loads((tmp_path / "stock.json").read_text())
    assert sum(entry["response_times"].values()) == len(samples)
    bucketed = sorted(float(key) for key, count in entry["response_times"].items() for _ in range(count))
    assert bucketed == pytest.approx(sorted(samples["last_byte_us"] / 1000), rel=0.005), "three digits"
    with open(tmp_path / "stock_failures.csv", encoding="utf-8") as file:
        failure = next(csv.DictReader(file))
    assert int(failure["Occurrences"]) == outcome.kinds()["body"]
    assert failure["Error"] == "body: other bytes than expected"


@pytest.mark.parametrize("client", ["fasthttp", "http"])
def test_locusts_own_clients_run_the_same_scenario(tmp_path: Path, client: str) -> None:
    with planted() as port:
        outcome = get(
            tmp_path,
            port,
            "/every/9/503",
            "--twins-client",
            client,
            "--csv",
            str(tmp_path / "stock"),
            users=2,
        )
        total = len(outcome.samples)
        assert outcome.kinds()["status"] == (total + 2) // 9
        assert fetch(port, "/count") == outcome.document.sent
    assert outcome.document.client == client
    with open(tmp_path / "stock_stats.csv", encoding="utf-8") as file:
        assert int(list(csv.DictReader(file))[-1]["Request Count"]) == total


def test_replayed_arrivals_are_due_when_the_file_says(port: int, tmp_path: Path) -> None:
    times = tmp_path / "times.txt"
    times.write_text("# a burst\n0.1\n0.1\n0.25\n0.9\n")
    outcome = get(tmp_path, port, "/", "--twins-rate", "", "--twins-arrivals", str(times))
    assert sorted(outcome.samples["due_us"].tolist()) == [100_000, 100_000, 250_000, 900_000]
    assert outcome.document.arrivals == "replay"


def test_rates_change_over_time(port: int, tmp_path: Path) -> None:
    outcome = get(tmp_path, port, "/", "--twins-rate", "20x0.5,100x0.5", "--twins-arrivals", "constant")
    due_s = outcome.samples["due_us"] / 1e6
    assert (due_s < 0.5).sum() == 10
    assert (due_s >= 0.5).sum() == 50
    assert outcome.document.rate_per_s == pytest.approx(60)


def test_users_change_over_time(port: int, tmp_path: Path) -> None:
    outcome = generate(
        tmp_path,
        f"http://127.0.0.1:{port}",
        *("Get", "--twins-path", "/constant/20", "--twins-stages", "1x1,3x2", "--twins-duration", "2.5"),
    )
    samples = outcome.samples
    assert set(samples["user"][samples["due_us"] < 500_000].tolist()) == {1}
    assert set(samples["user"].tolist()) == {1, 2, 3}
    assert set(outcome.kinds()) == {"ok"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--twins-wait-ms", "5"), "the scenario get has no parameter 'wait_ms' (given as '5')"),
        (("--host", "http://127.0.0.1:1"), "GET / fails before the run: connect: no connection."),
        (("--twins-stages", "many"), "--twins-stages is 'many': it looks like 8x10,32x10"),
    ],
)
def test_a_mistake_is_one_plain_sentence(
    port: int, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    outcome = get(tmp_path, port, "/", *arguments)
    assert outcome.status == 1
    assert sentence in outcome.output.splitlines()[-1]
    assert "Traceback" not in outcome.output
    assert not (tmp_path / "generator.json").exists()
