"""A pitfall, on purpose: `def` handlers that wait empty the pool of 40 threads, and all others queue."""

import time
from typing import Any

from fastapi import FastAPI

app = FastAPI()


@app.post("/process")
def process(work: dict[str, Any]) -> dict[str, Any]:
    time.sleep(work["duration_ms"] / 1000)
    return {"operation": "wait", "waited_ms": work["duration_ms"]}


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok", "application": "pitfall-threadpool"}
