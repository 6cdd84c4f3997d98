"""What holds with our server and with another one, asked the same way; figures for docs/explanation/server.md.

python -m tests.ops.compare_servers ours
python -m tests.ops.compare_servers granian     # needs `pip install granian`, which nothing else here does
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil

from service.security.api_keys import new_key
from tests.onnx_factory import write_palsy_bundle
from tests.ops.live_service import GRADE, ROOT, free_port

HEAD_TIMEOUT_S = 1.0
COMMANDS = {
    "ours": ["-m", "service"],
    "granian": [
        "-m", "granian", "--interface", "asgi", "--factory", "service.app:create_app", "--loop", "uvloop", "--no-ws",
        "--http", "1", "--backpressure", "64", "--http1-header-read-timeout", str(int(HEAD_TIMEOUT_S * 1000)),
        "--http1-buffer-size", "32768", "--respawn-failed-workers", "--respawn-interval", "1", "--workers", "2",
    ],
}  # fmt: skip


def until_closed(port: int, data: bytes, *, within_s: float = 8.0) -> str:
    """What comes back until the connection ends, as status and seconds."""
    started = time.monotonic()
    received = b""
    with contextlib.suppress(TimeoutError, OSError), socket.create_connection(("127.0.0.1", port), within_s) as sent:
        sent.sendall(data)
        while piece := sent.recv(65536):
            received += piece
    taken = time.monotonic() - started
    status = received.split(b" ")[1].decode() if received.startswith(b"HTTP/") else "nothing"
    return f"{status} after {taken:.1f} s" if taken < within_s else f"open after {within_s:g} s"


def drip_fed(port: int) -> str:
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\n")
        with contextlib.suppress(OSError):
            while time.monotonic() - started < 6:
                connection.sendall(b"x-a: b\r\n")
                time.sleep(0.1)
    return f"cut after {time.monotonic() - started:.1f} s"


def unread_answers(port: int) -> str:
    """Bytes of memory that a client holds who asks for 64 large answers and reads none, and whether it is cut."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", port))
        connection.sendall(b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n" * 64)
        time.sleep(5)
        connection.settimeout(1)
        received = 0
        try:
            while piece := connection.recv(65536):
                received += len(piece)
        except (TimeoutError, OSError) as error:
            return f"{type(error).__name__} after {received / 1e6:.1f} MB"
    return f"closed after {received / 1e6:.1f} MB"


def beside_slow_connections(port: int) -> str:
    held = []
    with contextlib.suppress(OSError):
        for _ in range(900):
            slow = socket.create_connection(("127.0.0.1", port), timeout=1)
            slow.sendall(b"POST /v1/palsy/grade HTTP/1.1\r\nx: ")
            held.append(slow)
    answered = 0
    for _ in range(20):
        with contextlib.suppress(httpx.TransportError):
            answered += httpx.get(f"http://127.0.0.1:{port}/livez", timeout=1).status_code == 200
    for slow in held:
        slow.close()
    return f"{answered} of 20 health checks beside {len(held)}"


def large_refusal(port: int) -> str:
    told = 0
    for _ in range(10):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}{GRADE}", bytes(11_000_000), timeout=20)
        except urllib.error.HTTPError as error:
            told += error.code in (401, 413)
        except OSError:
            pass
    return f"{told} of 10 arrive"


def cpu_of(port: int, parent: psutil.Process, requests: int = 5000) -> str:
    def spent() -> float:
        return sum(sum(child.cpu_times()[:2]) for child in parent.children(recursive=True))

    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        for _ in range(200):
            client.get("/livez")
        before = spent()
        for _ in range(requests):
            client.get("/livez")
    return f"{(spent() - before) / requests * 1e6:.0f} us of CPU for a request"


def serving_children(parent: psutil.Process) -> list[psutil.Process]:
    return sorted(parent.children(recursive=True), key=lambda child: -child.memory_info().rss)[:2]


def gap_after(port: int, action: Callable[[], object], *, watch_s: float) -> str:
    """The longest time without an answer, and what else came, while a client asks on new connections."""
    action()
    started = answered_at = time.monotonic()
    longest, lost = 0.0, 0
    while time.monotonic() - started < watch_s:
        try:
            httpx.get(f"http://127.0.0.1:{port}/livez", timeout=2)
        except httpx.TransportError:
            lost += 1
            continue
        now = time.monotonic()
        longest, answered_at = max(longest, now - answered_at), now
    longest = max(longest, time.monotonic() - answered_at)
    return f"longest {longest:.1f} s without an answer, {lost} lost"


def main() -> None:
    name = sys.argv[1]
    with tempfile.TemporaryDirectory() as temporary:
        folder, port = Path(temporary), free_port()
        write_palsy_bundle(folder / "models" / "palsy")
        line = new_key("ward", "user")[1] + "\n"
        (folder / "keys").write_text(line)
        settings = {
            "PORT": port, "WORKERS": 2, "MODELS_DIR": folder / "models", "API_KEYS_FILE": folder / "keys",
            "AUDIT_URL": f"sqlite:///{folder}/audit.sqlite", "HEAD_TIMEOUT_S": HEAD_TIMEOUT_S, "BODY_TIMEOUT_S": 2,
            "LOG_LEVEL": "info",
        }  # fmt: skip
        environment = os.environ | {f"HTNET_{key}": str(value) for key, value in settings.items()}
        command = [sys.executable, *COMMANDS[name], *(["--port", str(port)] if name != "ours" else [])]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=sys.stderr)
        parent = psutil.Process(process.pid)
        figures: dict[str, object] = {"server": name}
        try:
            deadline = time.monotonic() + 120
            while time.monotonic() < deadline:
                with contextlib.suppress(httpx.TransportError):
                    if httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200:
                        break
                time.sleep(0.2)
            time.sleep(5)
            head = f"POST {GRADE} HTTP/1.1\r\nHost: x\r\n"
            figures |= {
                "slow head": until_closed(port, f"{head}x-slow: ".encode()),
                "head byte by byte": drip_fed(port),
                "silent": until_closed(port, b""),
                "endless head": until_closed(port, b"GET / HTTP/1.1\r\nx: " + b"a" * 90_000),
                "two lengths": until_closed(
                    port, f"{head}Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef".encode()
                ),
                "length and chunks": until_closed(
                    port, f"{head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode()
                ),
                "answers unread": unread_answers(port),
                "slow connections": beside_slow_connections(port),
                "11 MB refused": large_refusal(port),
                "cpu": cpu_of(port, parent),
            }
            figures["kill -9"] = gap_after(port, serving_children(parent)[0].kill, watch_s=12)

            def break_keys_and_kill() -> None:
                (folder / "keys").write_text(line + "typing error\n")
                serving_children(parent)[0].kill()

            figures["kill -9, key file broken"] = gap_after(port, break_keys_and_kill, watch_s=15)
            (folder / "keys").write_text(line)
            figures["ended by itself"] = process.poll()
            time.sleep(10)
            if process.poll() is None:
                process.send_signal(signal.SIGHUP)
                figures["SIGHUP"] = gap_after(port, lambda: None, watch_s=8)
                figures["ended by SIGHUP"] = process.poll()
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(60)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
