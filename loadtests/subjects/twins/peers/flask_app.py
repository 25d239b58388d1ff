"""Downloads as Flask's documentation suggests them."""

import os

from flask import Flask, send_from_directory
from flask.typing import ResponseReturnValue

app = Flask(__name__)
FILES = os.environ["TWINS_FILES"]


@app.get("/files/<path:name>")
def download(name: str) -> ResponseReturnValue:
    return send_from_directory(FILES, name)


@app.get("/health")
def health() -> ResponseReturnValue:
    return {"status": "ok", "application": "peer-flask"}
