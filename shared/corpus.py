"""The default catalogue: the same files on every machine, made on first use."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from shared.settings import default_files as default_directory

__all__ = ["SIZES", "default_directory", "ensure_corpus"]

KIB = 1024
SIZES = {
    "1KiB": KIB,
    "64KiB": 64 * KIB,
    "1MiB": KIB * KIB,
    "16MiB": 16 * KIB * KIB,
    "100MiB": 100 * KIB * KIB,
}
BLOCK = 4 * KIB * KIB
WORDS = [
    "socket",
    "server",
    "thread",
    "process",
    "event",
    "loop",
    "request",
    "answer",
    "byte",
    "range",
    "header",
    "stream",
    "queue",
    "worker",
    "client",
    "kernel",
    "buffer",
    "latency",
    "schedule",
    "arrival",
    "response",
    "sample",
    "block",
    "ratio",
    "interval",
]


def ensure_corpus(directory: Path) -> Path:
    """Make what is missing of the corpus below `directory`, each file whole or not at all."""
    for label, size in SIZES.items():
        _ensure(directory / "random" / f"{label}.bin", size, _noise(label))
        _ensure(directory / "text" / f"{label}.txt", size, _prose(label))
    return directory


def _ensure(path: Path, size: int, blocks: Iterator[bytes]) -> None:
    if path.is_file() and path.stat().st_size == size:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".corpus-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            left = size
            while left:
                left -= file.write(next(blocks)[:left])
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _noise(label: str) -> Iterator[bytes]:
    """Incompressible: SHAKE-128 in counter mode (FIPS 202)."""
    number = 0
    while True:
        yield hashlib.shake_128(f"{label}/{number}".encode()).digest(BLOCK)
        number += 1


def _prose(label: str) -> Iterator[bytes]:
    """Compressible: words picked by the bytes of the noise, a line break every sixteenth."""
    table = [
        (word + ("\n" if index % 16 == 0 else " ")).encode() for index, word in enumerate(WORDS * 11, 1)
    ][:256]
    number = 0
    while True:
        picks = hashlib.shake_128(f"text/{label}/{number}".encode()).digest(BLOCK // 8)
        yield b"".join([table[pick] for pick in picks])
        number += 1
