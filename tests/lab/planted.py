"""A server with planted faults, run as `python planted.py MODE PORT FILES [NUMBER]`.

Modes: `good`; `dies-at-start`; `never-healthy`; `dies` after NUMBER requests; `wrong-bytes`; `wrong-later`
after NUMBER requests; `capacity`, which admits exactly NUMBER requests per second and lets the rest queue;
`stubborn`, which ignores SIGTERM; `markup`, whose words about itself are HTML, as are its last ones, which
come after NUMBER requests; `gil-later`, whose interpreter says after NUMBER requests that the GIL came on.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

# CPython's own words (Python/import.c)
GIL_ON = (
    "RuntimeWarning: The global interpreter lock (GIL) has been enabled to load module '_brotli', which has "
    "not declared that it can run safely without the GIL."
)
MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)>"


class Planted:
    def __init__(self, mode: str, files: Path, number: float) -> None:
        self.mode, self.files, self.number = mode, files, number
        self.interface = MARKUP if mode == "markup" else "planted"
        self.answered = 0
        self.next_slot = 0.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                status, body = await self.answer(head.split(b" ", 2)[1].decode())
                writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def answer(self, path: str) -> tuple[int, bytes]:
        if path == "/health":
            status = 503 if self.mode == "never-healthy" else 200
            return status, json.dumps(
                {"status": "ok", "worker_class": "planted", "pid": os.getpid(), "interface": self.interface}
            ).encode()
        self.answered += 1
        if self.mode == "dies" and self.answered > self.number:
            os._exit(7)
        if self.mode == "gil-later" and self.answered == self.number:
            print(GIL_ON, file=sys.stderr, flush=True)
        if self.mode == "markup" and self.answered > self.number:
            print(MARKUP, file=sys.stderr, flush=True)
            os._exit(7)
        if self.mode == "capacity":
            await self.admit()
        place = self.files / path.removeprefix("/files/")
        if not place.is_file():
            return 404, b"no such file"
        body = place.read_bytes()
        wrong = self.mode == "wrong-bytes" or (self.mode == "wrong-later" and self.answered > self.number)
        return 200, body[::-1] if wrong else body

    async def admit(self) -> None:
        """The NUMBER slots of a second, one after the other."""
        now = asyncio.get_running_loop().time()
        self.next_slot = max(now, self.next_slot) + 1 / self.number
        await asyncio.sleep(self.next_slot - now)


async def main(mode: str, port: str, files: str, number: str = "0") -> None:
    if mode == "dies-at-start":
        sys.exit("planted: cannot open the database")
    if mode == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    planted = Planted(mode, Path(files), float(number))
    server = await asyncio.start_server(planted.serve, "127.0.0.1", int(port), backlog=1024)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
