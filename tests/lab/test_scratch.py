"""A server under test that is written to gets a folder of its own."""

from pathlib import Path

from loadtests.lab.planfile import resolved
from loadtests.lab.scratch import served_folder


def test_what_writes_is_given_copies_and_a_token_for_as_long_as_it_runs(tmp_path: Path) -> None:
    files, run = tmp_path / "files", tmp_path / "run"
    for folder in (files / "random", run):
        folder.mkdir(parents=True)
    for name in ("1KiB.bin", "1MiB.bin"):
        (files / "random" / name).write_bytes(name.encode())
    document = {"load": {"users": 1}, "servers": {"asgi-uvicorn": {}}}
    reading = resolved({**document, "scenarios": {"churn": {}}}, "a plan")
    with served_folder(reading, files, run) as (folder, token):
        assert (folder, token) == (files, None)
    writing = resolved({**document, "scenarios": {"churn": {}, "upload": {}}}, "a plan")
    with served_folder(writing, files, run) as (folder, token):
        assert token
        assert folder.is_relative_to(run)
        assert [path.name for path in folder.rglob("*.bin")] == ["1KiB.bin"], "no more than is asked for"
        (folder / "random" / "1KiB.bin").write_bytes(b"written")
    assert not folder.exists()
    assert (files / "random" / "1KiB.bin").read_bytes() == b"1KiB.bin"
