"""A pitfall, on purpose: a blocking call in `async def` holds the whole event loop."""

import time
from typing import Any

from fastapi import FastAPI

app = FastAPI()


@app.post("/process")
async def process(work: dict[str, Any]) -> dict[str, Any]:
    time.sleep(work["duration_ms"] / 1000)  # noqa: ASYNC251 - this is the pitfall
    return {"operation": "wait", "waited_ms": work["duration_ms"]}


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok", "application": "pitfall-blocking"}
