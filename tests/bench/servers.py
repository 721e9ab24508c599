"""
The servers that `make bench` compares: a bare application, ingress alone, and a stub inlet.

``python tests/bench/servers.py bare|append|stub PORT [FOLDER]``
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from pathlib import Path
from typing import Any

import uvicorn
import uvloop

from relay.clock import SystemClock
from relay.config import Config
from relay.ingress.endpoint import Ingress
from relay.metrics import Metrics
from relay.server import Listener, bind
from relay.spool.local import LocalSpool

OK = b'{"status":"accepted"}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(OK)).encode())]


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """Read the body, answer 200: what any Python receiver costs at least."""
    if scope["type"] != "http":
        return
    while True:
        message = await receive()
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": OK})


async def stub(scope: Any, receive: Any, send: Any) -> None:
    """An inlet that takes everything and counts the messages it was sent."""
    if scope["type"] != "http":
        return
    chunks = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    if "/batch/" in scope["path"]:
        events = b"".join(chunks).count(b'"event_id"')
        items = b",".join([b'{"xactionId":"1:1:1:0"}'] * events)
        answer, status = b'{"inletId":"s","batchId":"1","responses":[' + items + b"]}", 207
    else:
        answer, status = b'{"inletId":"s","xactionId":"1:1:1","receivedTimeMs":1}', 200
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(answer)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


async def append(port: int, folder: Path) -> None:
    """Serve ingress over a real spool as `relay serve` does, with nobody reading it."""
    config = Config.model_validate(
        {
            "spool": {"path": str(folder)},
            "routes": {
                "bench": {"signing_keys": ["bench-key"], "inlet": {"url": "http://127.0.0.1:9/"}}
            },
        }
    )
    # As `relay serve` does.
    gc.set_threshold(20_000, 20, 50)
    metrics, clock = Metrics(), SystemClock()
    spool = await LocalSpool.open(config.spool, metrics=metrics, clock=clock)
    ingress = Ingress(config, spool, metrics, clock)
    listener = Listener("public", ingress, bind(f"127.0.0.1:{port}"), config.server)
    listener.start()
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    await told.wait()
    await listener.close(1.0)
    await spool.close()


def server(app: Any, port: int) -> uvicorn.Server:
    """Uvicorn at its best: uvloop, httptools, no access log."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host="127.0.0.1",
            port=port,
            loop="uvloop",
            http="httptools",
            access_log=False,
            log_level="error",
            lifespan="off",
            timeout_keep_alive=125,
        )
    )


def main() -> None:
    """Run the server that the command line names."""
    kind, port = sys.argv[1], int(sys.argv[2])
    if kind == "append":
        uvloop.run(append(port, Path(sys.argv[3])))
    else:
        uvloop.run(server({"bare": bare, "stub": stub}[kind], port).serve())


if __name__ == "__main__":
    main()
