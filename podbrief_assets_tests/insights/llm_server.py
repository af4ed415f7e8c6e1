"""A server on loopback that speaks OpenAI's chat and batch protocols, and misbehaves as it is told.

Belongs here: replies, good and bad, the server that gives them in turn and remembers what it was asked, and its batches.
Doesn't: any test.
"""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the server sends for one request, after `delay_s` seconds."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    delay_s: float = 0.0
    hang_up: bool = False


def answer(
    content: str | None,
    *,
    finish_reason: str = "stop",
    refusal: str | None = None,
    tokens: tuple[int, int] | None = (1000, 100),
) -> Reply:
    """A chat completion whose message is `content`."""
    message = {"role": "assistant", "content": content, "refusal": refusal}
    body: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "served",
        "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
    }
    if tokens:
        body["usage"] = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens)}
    return Reply(body=json.dumps(body).encode())


def insights(*items: Mapping[str, Any], tokens: tuple[int, int] | None = (1000, 100)) -> Reply:
    """A well-formed answer that holds `items`."""
    return answer(json.dumps({"insights": list(items)}), tokens=tokens)


def error(status: int, message: str, *, code: str | None = None, param: str | None = None, **headers: str) -> Reply:
    """An error as OpenAI words them; the client is told to try again at once, so that tests are quick."""
    body = {"error": {"message": message, "type": "error", "code": code, "param": param}}
    quick = {"Content-Type": "application/json", "Retry-After-Ms": "1", **headers}
    return Reply(status=status, body=json.dumps(body).encode(), headers=quick)


Behaviour = Callable[[dict[str, Any]], Reply]


def about(request: Mapping[str, Any]) -> str:
    """What a request asks for, in whatever form: insights, verdicts or borders."""
    asked = {'{"insights":': "insights", '{"verdicts":': "verdicts", '{"first":': "borders"}
    return next(name for start, name in asked.items() if start in request["messages"][0]["content"])


def confirming_borders(otherwise: Reply) -> Behaviour:
    """A model that finds every stretch of advertising well marked, and gives the same answer to all else."""

    def behave(request: dict[str, Any]) -> Reply:
        if about(request) != "borders":
            return otherwise
        first, last = re.findall(r"^found so far: (\d+) to (\d+)$", request["messages"][1]["content"], re.MULTILINE)[0]
        return answer(json.dumps({"first": int(first), "last": int(last)}))

    return behave


class LlmServer:
    """Gives `replies` in turn, one a request; when none is left, `otherwise` decides from the request.

    Attributes:
        requests: The bodies of all requests, in the order of their arrival.
        keys: The bearer tokens that came with them.
        files: What was uploaded, and what batches have answered, by identifier.
        batches: The batches as it tells of them, by identifier; `work` does them.
        takes_batches: Without, it knows no such paths.
    """

    def __init__(self, *replies: Reply, otherwise: Behaviour | Reply | None = None) -> None:
        self._replies = deque(replies)
        self._otherwise = otherwise
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.takes_batches = True

    def then(self, replies: Iterable[Reply]) -> None:
        """Queue more replies."""
        with self._lock:
            self._replies.extend(replies)

    @property
    def base_url(self) -> str:
        """What goes into OPENAI_BASE_URL."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def asked(self) -> Sequence[str]:
        """The user's first message of every request."""
        return [request["messages"][1]["content"] for request in self.requests]

    def lines(self, batch_id: str) -> list[dict[str, Any]]:
        """The requests of a batch, as they were uploaded."""
        return [json.loads(packed) for packed in self.files[self.batches[batch_id]["input_file_id"]].splitlines()]

    def work(self, batch_id: str, *, status: str = "completed", most: int | None = None) -> None:
        """Answer the first `most` requests of a batch, let the others expire, and end it with `status`."""
        answered: list[dict[str, Any]] = []
        failed: list[dict[str, Any]] = []
        for number, one in enumerate(self.lines(batch_id)):
            if most is not None and number >= most:
                expired = {"code": "batch_expired", "message": "This request could not be executed in time."}
                failed.append({"custom_id": one["custom_id"], "response": None, "error": expired})
                continue
            reply = self._reply(one["body"], "")
            response = {"status_code": reply.status, "request_id": "r", "body": json.loads(reply.body)}
            line = {"custom_id": one["custom_id"], "response": response, "error": None}
            (answered if reply.status == 200 else failed).append(line)
        # A provider gives answers back in any order.
        output_id, error_id = f"{batch_id}-output", f"{batch_id}-errors"
        self.files[output_id] = "".join(json.dumps(line) + "\n" for line in reversed(answered)).encode()
        self.files[error_id] = "".join(json.dumps(line) + "\n" for line in failed).encode()
        self.batches[batch_id] |= {
            "status": status,
            "output_file_id": output_id if answered else None,
            "error_file_id": error_id if failed else None,
            "request_counts": {
                "total": len(answered) + len(failed),
                "completed": len(answered),
                "failed": len(failed),
            },
        }

    def _other(self, method: str, path: str, body: bytes, kind: str) -> Reply:
        """A reply to what is no question: files and batches."""
        place = path.removeprefix("/v1/").split("/")
        found: object = None
        if method == "POST" and place == ["files"]:
            part = body.split(b"filename=", 1)[1].split(b"\r\n\r\n", 1)[1]
            file_id = f"file-{len(self.files)}"
            self.files[file_id] = part.split(b"\r\n--" + kind.partition("boundary=")[2].encode())[0]
            found = {"id": file_id, "object": "file", "purpose": "batch", "bytes": 1, "created_at": 1, "filename": "f"}
        elif method == "POST" and place == ["batches"]:
            asked = json.loads(body)
            batch_id = f"batch-{len(self.batches)}"
            found = {**asked, "id": batch_id, "object": "batch", "created_at": 1, "status": "in_progress"}
            self.batches[batch_id] = found
        elif method == "GET" and place[0] == "batches":
            found = self.batches.get(place[1])
        elif method == "GET" and place[0] == "files" and place[1] in self.files:
            return Reply(body=self.files[place[1]], headers={"Content-Type": "application/octet-stream"})
        if found is None or not self.takes_batches:
            return error(404, f"no such path: {path}")
        return Reply(body=json.dumps(found).encode())

    def __enter__(self) -> LlmServer:
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def _reply(self, body: dict[str, Any], key: str) -> Reply:
        with self._lock:
            self.requests.append(body)
            self.keys.append(key)
            if self._replies:
                return self._replies.popleft()
        if self._otherwise is None:
            return error(500, "the test planned no further request")
        return self._otherwise(body) if callable(self._otherwise) else self._otherwise

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.give(server._other("GET", self.path, b"", ""))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path == "/v1/chat/completions":
                    key = self.headers.get("Authorization", "").removeprefix("Bearer ")
                    self.give(server._reply(json.loads(body), key))
                else:
                    self.give(server._other("POST", self.path, body, self.headers.get("Content-Type", "")))

            def give(self, reply: Reply) -> None:
                if reply.delay_s:
                    server._closing.wait(reply.delay_s)
                self.close_connection = reply.hang_up
                if reply.hang_up:
                    return
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)

            def log_message(self, format: str, *args: object) -> None:
                """Tests read `requests` instead."""

        return Handler
