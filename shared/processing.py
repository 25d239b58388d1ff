"""What an operation does: steps for a face to perform, and the pure functions that compute."""

import hashlib
import os
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from shared.catalogue import Catalogue, open_file
from shared.digests import READ_BYTES
from shared.errors import ContentTooLarge
from shared.operations import Compress, Digest, Pipeline, Wait, Words, Work
from shared.replies import Reply, json_reply
from shared.settings import MAX_FILE_WORK_BYTES

MAX_WORDS_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Pause:
    """The face waits for `duration_s`, by its own means."""

    duration_s: float
    result: Mapping[str, Any]


@dataclass(frozen=True)
class Compute:
    """The face calls `function`, here or in the pool that `where` names; it may be pickled."""

    function: Callable[[], dict[str, Any]]
    where: str


Effect = Pause | Compute


def plan_process(work: Work, catalogue: Catalogue) -> tuple[Effect, ...]:
    """The effects of a request in order, each with a result."""
    steps = work.steps if isinstance(work, Pipeline) else [work]
    return tuple(_effect(step, catalogue) for step in steps)


def reply_process(work: Work, results: list[Mapping[str, Any]]) -> Reply:
    """The answer once every effect has its result."""
    if isinstance(work, Pipeline):
        return json_reply({"operation": "pipeline", "results": results})
    return json_reply(results[0])


def _effect(step: Wait | Digest | Compress | Words, catalogue: Catalogue) -> Effect:
    if isinstance(step, Wait):
        return Pause(step.duration_ms / 1000, {"operation": "wait", "waited_ms": step.duration_ms})
    return Compute(partial(compute, catalogue.root, step), step.where)


def compute(root: str, step: Digest | Compress | Words) -> dict[str, Any]:
    """Run one operation to its end on this core; ServiceError where its file cannot be had."""
    if not isinstance(step, Digest) and step.text is not None:
        return _operate(step, [step.text.encode("utf-8", "backslashreplace")])
    descriptor, facts = open_file(root, step.path or "")
    try:
        limit = MAX_WORDS_BYTES if isinstance(step, Words) else MAX_FILE_WORK_BYTES
        if facts.st_size > limit:
            raise ContentTooLarge(
                f"The file has {facts.st_size} bytes; {step.operation} reads at most {limit}."
            )
        return _operate(step, _blocks(descriptor))
    finally:
        os.close(descriptor)


def _operate(step: Digest | Compress | Words, blocks: Iterable[bytes]) -> dict[str, Any]:
    if isinstance(step, Digest):
        return _digest(blocks)
    if isinstance(step, Compress):
        return _compress(blocks, step.level)
    return _words(b"".join(blocks), step.top)


def _digest(blocks: Iterable[bytes]) -> dict[str, Any]:
    digest = hashlib.sha256()
    size = 0
    for block in blocks:
        digest.update(block)
        size += len(block)
    return {"operation": "digest", "bytes": size, "sha256": digest.hexdigest()}


def _compress(blocks: Iterable[bytes], level: int) -> dict[str, Any]:
    packer = zlib.compressobj(level)
    digest = hashlib.sha256()
    size = packed = 0
    for block in blocks:
        size += len(block)
        out = packer.compress(block)
        packed += len(out)
        digest.update(out)
    out = packer.flush()
    digest.update(out)
    return {
        "operation": "compress",
        "bytes": size,
        "compressed_bytes": packed + len(out),
        "sha256": digest.hexdigest(),
    }


def _words(data: bytes, top: int) -> dict[str, Any]:
    counts = Counter(data.decode("utf-8", "replace").lower().split())
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return {
        "operation": "words",
        "bytes": len(data),
        "words": counts.total(),
        "distinct": len(counts),
        "top": [{"word": word, "count": count} for word, count in ranked[:top]],
    }


def _blocks(descriptor: int) -> Iterator[bytes]:
    offset = 0
    while block := os.pread(descriptor, READ_BYTES, offset):
        yield block
        offset += len(block)
