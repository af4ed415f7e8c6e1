"""The pages that links in mails lead to, served on loopback by the server that `podbrief serve` uses."""

from __future__ import annotations

import datetime as dt
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from sqlalchemy import Engine

from podbrief_assets.tokens import Keys
from podbrief_assets.web.mail_pages import MailPages


@contextmanager
def serving(engine: Engine, keys: Keys, clock: Callable[[], dt.datetime]) -> Iterator[str]:
    """Serve the pages; yields their address."""
    listening = socket.create_server(("127.0.0.1", 0))
    application = MailPages(engine, keys, clock).application()
    server = uvicorn.Server(uvicorn.Config(application, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
