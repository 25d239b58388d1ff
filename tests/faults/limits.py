"""What a hostile client can still do to a server that has no proxy before it, as docs/limits.md quotes it."""

UNRESOLVED = {
    "gunicorn": (
        "a client that sends a little of a body, or takes a little of a response, now and then holds its"
        " process (`wsgi-sync`) or thread (`wsgi-gthread`), one that does neither for 20 to 25 s",
    ),
    "uvicorn": (
        "a client that takes a little of its response now and then keeps its connection, and up to 1 MiB",
    ),
    "granian": (
        "there is no timeout for a client that is silent within a body, or takes nothing of its response",
        "a request with both a length and chunks is read by its chunks, and chunks may end with a bare LF",
    ),
}
