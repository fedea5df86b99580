"""A small site on loopback: pages by their path, and who has asked for which."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from dataclasses import field
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from types import TracebackType
from urllib.parse import urlsplit

Headers = dict[str, str]
Answer = tuple[int, Headers, bytes]


def html(text: str, **headers: str) -> Answer:
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return 200, {"Content-Type": "text/html", **more}, text.encode()


def redirect(to: str, status: int = 302) -> Answer:
    return status, {"Location": to}, b""


@dataclass
class Asked:
    method: str
    path: str
    body: bytes
    headers: Headers = field(repr=False)


class Pages:
    """A context manager; a path that has no page of its own is a heading."""

    def __init__(self, name: str = "page") -> None:
        self.asked: list[Asked] = []
        self.pages: dict[str, Answer] = {}
        pages = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body, path = self.rfile.read(length), urlsplit(self.path).path
                headers = dict(self.headers.items())
                pages.asked.append(Asked(self.command, self.path, body, headers))
                default = html(f"<title>{name}</title><h1>{name}</h1>")
                status, headers, text = pages.pages.get(path, default)
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                try:
                    self.wfile.write(text)
                except OSError:
                    pass  # a browser that does not want it

            do_GET = do_POST = answer

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Pages:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def documents(self) -> list[str]:
        """The pages that were asked for, icons left out."""
        return [a.path for a in self.asked if not a.path.startswith("/favicon")]
