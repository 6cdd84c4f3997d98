"""A service of a test's own, and a page whose faults fail the test."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserType, Page

ROOT = Path(__file__).parents[2]
CHROMIUM = Path("/usr/bin/chromium")
# Chromium looks for its maker's hosts at every start; a test needs none of it.
_QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
          "--disable-component-update", "--disable-sync"]  # fmt: skip
START_LIMIT_S = 120


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def running_service(port: int, **settings: str) -> Iterator[str]:
    """The service's own address, while it runs with the shipped bundles; it has ended when the block is left."""
    url = f"http://127.0.0.1:{port}/"
    environment = {**os.environ, "HTNET_HOST": "127.0.0.1", "HTNET_PORT": str(port), **settings}
    service = subprocess.Popen([sys.executable, "-m", "service"], cwd=ROOT, env=environment)
    try:
        for _ in range(START_LIMIT_S * 10):
            assert service.poll() is None, f"the service ended with {service.returncode}"
            try:
                urllib.request.urlopen(f"{url}readyz", timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        else:
            pytest.fail(f"the service was not ready within {START_LIMIT_S} s")
        yield url
    finally:
        service.terminate()
        service.wait(60)


@contextmanager
def chromium_with_camera(kind: BrowserType, film: Path) -> Iterator[Browser]:
    """Debian's Chromium, whose camera plays `film` (MJPEG, or Y4M) again and again from when it is switched on."""
    camera = [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    ]
    browser = kind.launch(executable_path=CHROMIUM, args=[*_QUIET, *camera])
    yield browser
    browser.close()


@contextmanager
def watched_page(browser: Browser, url: str) -> Iterator[Page]:
    """The page, loaded; a script error or a request to anywhere but below `url` fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "console", lambda message: faults.append(message.text) if "Content Security Policy" in message.text else None
    )
    page.on("request", lambda request: faults.append(request.url)
            if not request.url.startswith((url, "blob:", "data:")) else None)  # fmt: skip
    page.goto(url)
    page.wait_for_selector("html[data-ready]")
    yield page
    context.close()
    assert faults == []
