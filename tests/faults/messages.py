"""Hostile and odd requests as bytes, and what may come of each: one table for every server.

An outcome is the statuses of the responses in order, `()` where the connection ended without one. `CASES`
holds for all servers; `EXCEPTIONS` are the servers' own readings that the service cannot change.
"""

from dataclasses import dataclass

GET = b"GET /health HTTP/1.1\r\nHost: a\r\n"
POST = b"POST /process HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
JSON = b'{"operation":"wait","duration_ms":0}'
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n"
SMUGGLED = b"GET /files HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNK = b"%x\r\n%b\r\n" % (len(JSON), JSON)
OUTCOMES = tuple[tuple[int, ...], ...]

REFUSED: OUTCOMES = ((400,), ())
UNKNOWN: OUTCOMES = (*REFUSED, (501,))  # of a transfer coding, as RFC 9112 section 6.1 has it
SERVED: OUTCOMES = ((200,),)


@dataclass(frozen=True)
class Case:
    """`data` as sent; `outcomes`: what any server may make of it (the sequences of statuses)."""

    data: bytes
    outcomes: OUTCOMES


def get(*lines: bytes, host: bytes = b"Host: a\r\n", target: bytes = b"/health") -> bytes:
    fields = b"".join(line + b"\r\n" for line in lines)
    return b"GET " + target + b" HTTP/1.1\r\n" + host + fields + b"\r\n"


def post(*lines: bytes, body: bytes = JSON) -> bytes:
    return POST + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


LENGTH = b"Content-Length: %d" % len(JSON)
CASES = {
    # framing (RFC 9112 section 6)
    "length and chunked": Case(
        post(LENGTH, b"Transfer-Encoding: chunked", body=b"0\r\n\r\n" + SMUGGLED), REFUSED
    ),
    "chunked and length": Case(
        post(b"Transfer-Encoding: chunked", b"Content-Length: 4", body=CHUNK + b"0\r\n\r\n"), REFUSED
    ),
    "two lengths": Case(post(LENGTH, b"Content-Length: 3"), REFUSED),
    "two equal lengths": Case(post(LENGTH, LENGTH), (*REFUSED, (200,))),
    "list of lengths": Case(post(b"Content-Length: 36, 36"), (*REFUSED, (200,))),
    "negative length": Case(post(b"Content-Length: -1"), REFUSED),
    "signed length": Case(post(b"Content-Length: +36"), REFUSED),
    "length with a letter": Case(post(b"Content-Length: 3a"), REFUSED),
    "empty length": Case(post(b"Content-Length: "), REFUSED),
    "hexadecimal length": Case(post(b"Content-Length: 0x24"), REFUSED),
    "huge length": Case(post(b"Content-Length: " + b"9" * 30), (*REFUSED, (413,))),
    "length with an underscore": Case(post(b"Content-Length: 3_6"), REFUSED),
    "identity": Case(post(b"Transfer-Encoding: identity", LENGTH), UNKNOWN),
    "unknown coding": Case(post(b"Transfer-Encoding: gzip, chunked", body=CHUNK + b"0\r\n\r\n"), UNKNOWN),
    "chunked not last": Case(post(b"Transfer-Encoding: chunked, gzip", body=CHUNK + b"0\r\n\r\n"), UNKNOWN),
    "chunked twice": Case(post(b"Transfer-Encoding: chunked, chunked", body=CHUNK + b"0\r\n\r\n"), UNKNOWN),
    "chunked spelt oddly": Case(post(b"Transfer-Encoding: xchunked", body=CHUNK + b"0\r\n\r\n"), UNKNOWN),
    "chunked with a tab inside": Case(
        post(b"Transfer-Encoding:\x0bchunked", body=CHUNK + b"0\r\n\r\n"), UNKNOWN
    ),
    "chunked in HTTP/1.0": Case(
        CHUNKED.replace(b"HTTP/1.1", b"HTTP/1.0") + b"\r\n" + CHUNK + b"0\r\n\r\n", REFUSED
    ),
    "good chunks": Case(CHUNKED + b"\r\n" + CHUNK + b"0\r\n\r\n", SERVED),
    "chunk extension": Case(CHUNKED + b"\r\n24;a=b\r\n" + JSON + b"\r\n0\r\n\r\n", (*SERVED, *REFUSED)),
    "chunk size with a sign": Case(CHUNKED + b"\r\n+24\r\n" + JSON + b"\r\n0\r\n\r\n", REFUSED),
    "chunk size with a prefix": Case(CHUNKED + b"\r\n0x24\r\n" + JSON + b"\r\n0\r\n\r\n", REFUSED),
    "chunk size not a number": Case(CHUNKED + b"\r\nxyz\r\n" + JSON + b"\r\n0\r\n\r\n", REFUSED),
    "chunk size empty": Case(CHUNKED + b"\r\n\r\n" + JSON + b"\r\n0\r\n\r\n", REFUSED),
    "chunk size overflows": Case(
        CHUNKED + b"\r\n1" + b"0" * 16 + b"24\r\n" + JSON + b"\r\n0\r\n\r\n", (*REFUSED, (413,))
    ),
    "chunk longer than said": Case(CHUNKED + b"\r\n10\r\n" + JSON + b"\r\n0\r\n\r\n", REFUSED),
    "chunk ends with LF": Case(CHUNKED + b"\r\n24\r\n" + JSON + b"\n0\r\n\r\n", REFUSED),
    "chunk size ends with LF": Case(CHUNKED + b"\r\n24\n" + JSON + b"\r\n0\r\n\r\n", REFUSED),
    "trailer": Case(CHUNKED + b"\r\n" + CHUNK + b"0\r\nX-Trailer: a\r\n\r\n", (*SERVED, *REFUSED)),
    "trailer with a NUL": Case(CHUNKED + b"\r\n" + CHUNK + b"0\r\nX: a\0b\r\n\r\n", REFUSED),
    "body on GET": Case(get(b"Content-Length: 3") + b"abc", SERVED),
    "body on GET looks like a request": Case(
        get(b"Content-Length: %d" % len(SMUGGLED), b"Connection: close") + SMUGGLED, SERVED
    ),
    # lines (RFC 9112 sections 2.2 and 5)
    "bare LF": Case(GET.replace(b"\r\n", b"\n") + b"\n", (*SERVED, *REFUSED)),
    "bare CR in a value": Case(get(b"X: a\rb"), REFUSED),
    "obs-fold": Case(get(b"X: a", b" b"), (*SERVED, *REFUSED)),
    "fold on the first field": Case(b"GET /health HTTP/1.1\r\n Host: a\r\n\r\n", REFUSED),
    "no colon": Case(get(b"X"), REFUSED),
    "empty name": Case(get(b": a"), REFUSED),
    "space in a name": Case(get(b"X Y: a"), REFUSED),
    "space before the colon": Case(get(b"X : a"), REFUSED),
    "NUL in a name": Case(get(b"X\0: a"), REFUSED),
    "NUL in a value": Case(get(b"X: a\0b"), REFUSED),
    "control in a value": Case(get(b"X: a\x01b"), REFUSED),
    "obs-text in a value": Case(get(b"X: \xe4"), SERVED),
    "underscore in a name": Case(get(b"X_Y: a"), (*SERVED, *REFUSED)),
    "empty lines first": Case(b"\r\n\r\n" + get(), (*SERVED, *REFUSED)),
    "1 MB field": Case(get(b"X: " + b"a" * 1_000_000), ((431,), *REFUSED)),
    "10,000 fields": Case(get(*(b"X%d: a" % n for n in range(10_000))), ((431,), *REFUSED)),
    "10,000 equal fields": Case(get(*[b"X: a"] * 10_000), ((431,), *REFUSED)),
    "1 MB without an end": Case(b"GET /" + b"a" * 1_000_000, ((414,), (431,), *REFUSED)),
    # request line (RFC 9112 section 3)
    "absolute-form": Case(get(target=b"http://a/health"), (*SERVED, *REFUSED)),
    "absolute-form of another host": Case(get(target=b"http://b/health"), (*SERVED, *REFUSED)),
    "absolute-form without a path": Case(get(target=b"http://a"), ((404,), *REFUSED)),
    "absolute-form with a user": Case(get(target=b"http://u:p@a/health"), (*SERVED, *REFUSED)),
    "authority-form": Case(get(target=b"a:80"), ((404,), *REFUSED)),
    "CONNECT": Case(b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", ((501,), *REFUSED)),
    "asterisk on GET": Case(get(target=b"*"), ((404,), *REFUSED)),
    "OPTIONS of asterisk": Case(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", ((204,), (404,), *REFUSED)),
    "relative target": Case(get(target=b"health"), ((404,), *REFUSED)),
    "fragment in the target": Case(get(target=b"/health#x"), ((404,), *SERVED, *REFUSED)),
    "space in the target": Case(get(target=b"/hea lth"), REFUSED),
    "NUL in the target": Case(get(target=b"/hea\0lth"), REFUSED),
    "raw bytes in the target": Case(get(target=b"/files/\xe4"), ((404,), *REFUSED)),
    "bad percent-encoding": Case(get(target=b"/files/%zz"), ((404,), *REFUSED)),
    "two spaces": Case(b"GET  /health HTTP/1.1\r\nHost: a\r\n\r\n", (*SERVED, *REFUSED)),
    "no version": Case(b"GET /health\r\n\r\n", REFUSED),
    "lower-case method": Case(b"get /health HTTP/1.1\r\nHost: a\r\n\r\n", ((501,), *REFUSED)),
    "version 3": Case(b"GET /health HTTP/3.0\r\nHost: a\r\n\r\n", ((505,), *REFUSED)),
    "version of letters": Case(b"GET /health HTTP/x.y\r\nHost: a\r\n\r\n", REFUSED),
    "TLS": Case(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 100, REFUSED),
    "HTTP/2 preface": Case(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ((404,), (405,), *REFUSED)),
    "upgrade to h2c": Case(
        get(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk"), SERVED
    ),
    "upgrade to WebSocket": Case(
        get(
            b"Connection: Upgrade",
            b"Upgrade: websocket",
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            b"Sec-WebSocket-Version: 13",
        ),
        (*SERVED, *REFUSED),
    ),
    # Host (RFC 9112 section 3.2)
    "no Host": Case(get(host=b""), REFUSED),
    "empty Host": Case(get(host=b"Host: \r\n"), REFUSED),
    "Host with a path": Case(get(host=b"Host: a/b\r\n"), REFUSED),
    "Host with a user": Case(get(host=b"Host: u@a\r\n"), REFUSED),
    "Host with a space": Case(get(host=b"Host: a b\r\n"), REFUSED),
    "Host with a bad port": Case(get(host=b"Host: a:70000\r\n"), REFUSED),
    "two Hosts": Case(get(host=b"Host: a\r\nHost: b\r\n"), REFUSED),
    "two equal Hosts": Case(get(host=b"Host: a\r\nHost: a\r\n"), REFUSED),
    "no Host in HTTP/1.0": Case(b"GET /health HTTP/1.0\r\n\r\n", SERVED),
    # more than one request
    "pipelined": Case(get() * 2 + get(b"Connection: close"), ((200, 200, 200), (200,))),
    "pipelined behind a bad one": Case(get(b"X : a") + get(), REFUSED),
    "pipelined behind a close": Case(get(b"Connection: close") + get(), SERVED),
    "expectation": Case(post(LENGTH, b"Expect: 100-continue"), ((100, 200), (200,))),
    "expectation of a body refused": Case(
        post(b"Content-Length: 99999999", b"Expect: 100-continue", body=b""), ((413,), (100, 413))
    ),
    "unknown expectation": Case(get(b"Expect: foo"), ((200,), (417,))),
    "coded body": Case(post(LENGTH, b"Content-Encoding: gzip"), ((415,),)),
}

EXCEPTIONS: dict[tuple[str, str], OUTCOMES] = {
    # by case and by server or parser
    ("trailer with a NUL", "asgi"): SERVED,  # gunicorn over ASGI reads no more than their names
    # granian takes a body for chunked whatever its length says, and ends a chunk or a trailer leniently
    ("chunked and length", "granian"): SERVED,
    ("chunk ends with LF", "granian"): (*SERVED, *REFUSED),
    ("trailer with a NUL", "granian"): (*SERVED, *REFUSED),
    # nginx reads these leniently, and sends on what it read in a framing of its own
    ("no colon", "nginx"): SERVED,
    ("chunk ends with LF", "nginx"): SERVED,
    ("chunk size ends with LF", "nginx"): SERVED,
    ("trailer with a NUL", "nginx"): SERVED,  # it sends on no trailers
    ("expectation of a body refused", "nginx"): ((100,),),  # it would take an upload of that size
}


def outcomes(case: str, *readers: str | None) -> OUTCOMES:
    """What may come of a case where it is read by a server, its worker class and its parser."""
    for reader in readers:
        if reader and (case, reader) in EXCEPTIONS:
            return EXCEPTIONS[case, reader]
    return CASES[case].outcomes
