"""The one JSON encoder: both faces send the same bytes."""

import json
from typing import Any

_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def encode(document: Any) -> bytes:
    """Compact UTF-8 JSON in the order of the document's keys; ValueError for NaN and infinities.

    A lone surrogate, which UTF-8 cannot carry, leaves as its JSON escape.
    """
    return _encoder.encode(document).encode("utf-8", "backslashreplace")
