"""Downloads as FastAPI's documentation suggests them."""

import os

from fastapi import FastAPI
from fastapi.responses import FileResponse

app = FastAPI()
FILES = os.environ["TWINS_FILES"]


@app.get("/files/{name:path}")
async def download(name: str) -> FileResponse:
    return FileResponse(os.path.join(FILES, name))


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok", "application": "peer-fastapi"}
