"""Fetch in the background while somebody works with what has come.

Belongs here: the thread, how far it may run ahead, its end.
Doesn't: what is fetched and how, what becomes of it (`acquire.py`).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Generic, Self, TypeVar

from podbrief_assets import net

Key = TypeVar("Key")
Got = TypeVar("Got")


class Ahead(Generic[Key, Got]):
    """What `fetch` gives for each of `wanted`, as it comes, fetched by a thread that leads by no more than `room`.

    A context manager: leaving it calls off what is on its way, waits for the thread, and hands to `unused` what nobody
    took. One thread at a time may iterate, any one, and only inside.

    Args:
        client: Opens the way out.
        fetch: Awaited in the thread's own event loop. It returns failures; what it raises ends all, and is raised from
            the iteration.
        wanted: In the order in which they are begun.
        room: How many may be on their way or waiting to be taken.
        unused: Takes what was fetched and not taken.
    """

    def __init__(
        self,
        client: Callable[[], net.Client],
        fetch: Callable[[net.Client, Key], Awaitable[Got]],
        wanted: Sequence[Key],
        room: int,
        unused: Callable[[Got], None],
    ) -> None:
        self._client, self._fetch, self._wanted, self._unused = client, fetch, wanted, unused
        self._room = asyncio.Semaphore(room)
        self._ready: SimpleQueue[tuple[Key, Got] | None] = SimpleQueue()  # None: nothing more comes
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="fetching")
        self._begun, self._left = threading.Event(), False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        self._running: Future[None] = self._threads.submit(lambda: asyncio.run(self._all()))
        self._running.add_done_callback(self._ended)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave it now; whoever waits for the next is let go."""
        self._left = True
        self._begun.wait()
        if self._task:
            self._soon(self._task.cancel)
        self._threads.shutdown()
        with suppress(Empty):
            while True:
                if got := self._ready.get_nowait():
                    self._unused(got[1])
        self._ready.put(None)  # for whoever may still wait

    def __iter__(self) -> Iterator[tuple[Key, Got]]:
        while got := self._ready.get():
            if self._left:
                self._unused(got[1])
                return
            self._soon(self._room.release)
            yield got
        if not self._left:
            self._running.result()

    async def _all(self) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        self._begun.set()
        async with self._client() as web, asyncio.TaskGroup() as group:
            for key in self._wanted:
                await self._room.acquire()
                group.create_task(self._one(web, key))

    async def _one(self, web: net.Client, key: Key) -> None:
        self._ready.put((key, await self._fetch(web, key)))

    def _soon(self, what: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the loop has come to its end
            if self._loop:
                self._loop.call_soon_threadsafe(what)

    def _ended(self, _: Future[None]) -> None:
        self._begun.set()
        self._ready.put(None)
