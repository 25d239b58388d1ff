"""What a hostile client can still do to a server that has no proxy before it, as the README quotes it."""

UNRESOLVED = {
    "gunicorn": (
        "a client that sends a byte now and then holds its process (`wsgi-sync`) or thread (`wsgi-gthread`)"
        " for as long as it likes, a silent one for 20 s",
        "a silent client keeps its connection to `wsgi-gevent` for good; it fills a greenlet and no thread",
        "a client that does not close its connection after the last response holds up all others for 2 s",
    ),
    "uvicorn": (
        "a client that takes a little of its response now and then keeps its connection, and up to 1 MiB",
    ),
    "granian": (
        "there is no timeout for a client that is silent within a body, or takes nothing of its response",
        "a request with both a length and chunks is read by its chunks, and chunks may end with a bare LF",
    ),
}
