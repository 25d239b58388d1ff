"""What an operation does: steps for a face to perform, and the pure functions that compute."""

import hashlib
import os
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial, singledispatch
from typing import Any

from shared.catalogue import Catalogue, open_file
from shared.digests import READ_BYTES
from shared.errors import ContentTooLarge
from shared.operations import Compress, ComputingStep, Digest, Pipeline, Sourced, Wait, Words, Work
from shared.replies import Reply, json_reply


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


def _effect(step: Wait | ComputingStep, catalogue: Catalogue) -> Effect:
    if isinstance(step, Wait):
        return Pause(step.duration_ms / 1000, {"operation": "wait", "waited_ms": step.duration_ms})
    return Compute(partial(compute, catalogue.root, step), step.where)


def compute(root: str, step: ComputingStep) -> dict[str, Any]:
    """Run one operation to its end on this core; ServiceError where its file cannot be had."""
    if isinstance(step, Sourced) and step.text is not None:
        return operate(step, [step.text.encode("utf-8", "backslashreplace")])
    descriptor, facts = open_file(root, step.path or "")
    try:
        if facts.st_size > step.file_bytes:
            raise ContentTooLarge(
                f"The file has {facts.st_size} bytes; {step.operation} reads at most {step.file_bytes}."
            )
        return operate(step, _blocks(descriptor))
    finally:
        os.close(descriptor)


@singledispatch
def operate(step: Any, blocks: Iterable[bytes]) -> dict[str, Any]:
    """The result of one operation over the bytes of its source; each model has its function below."""
    raise TypeError(f"there is no function for {type(step).__name__}")


@operate.register
def _digest(step: Digest, blocks: Iterable[bytes]) -> dict[str, Any]:
    digest = hashlib.sha256()
    size = 0
    for block in blocks:
        digest.update(block)
        size += len(block)
    return {"operation": "digest", "bytes": size, "sha256": digest.hexdigest()}


@operate.register
def _compress(step: Compress, blocks: Iterable[bytes]) -> dict[str, Any]:
    packer = zlib.compressobj(step.level)
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


@operate.register
def _words(step: Words, blocks: Iterable[bytes]) -> dict[str, Any]:
    data = b"".join(blocks)
    counts = Counter(data.decode("utf-8", "replace").lower().split())
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return {
        "operation": "words",
        "bytes": len(data),
        "words": counts.total(),
        "distinct": len(counts),
        "top": [{"word": word, "count": count} for word, count in ranked[: step.top]],
    }


def _blocks(descriptor: int) -> Iterator[bytes]:
    offset = 0
    while block := os.pread(descriptor, READ_BYTES, offset):
        yield block
        offset += len(block)
