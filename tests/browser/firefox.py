"""Debian's Firefox over Marionette, the protocol that geckodriver speaks to it: Playwright drives only a build of its
own."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from pathlib import Path
from typing import Any, Self

PROGRAM = Path("/usr/bin/firefox-esr")
_PORT = 2828
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
_START_LIMIT_S = 60


class Firefox:
    """A window without a screen. `profile`: an empty folder."""

    def __init__(self, profile: Path) -> None:
        (profile / "user.js").write_text(
            'user_pref("app.update.enabled", false);\nuser_pref("datareporting.policy.dataSubmissionEnabled", false);\n'
            'user_pref("network.captive-portal-service.enabled", false);\nuser_pref("intl.accept_languages", "en");\n'
            f'user_pref("marionette.port", {_PORT});\n'
        )
        self._process = subprocess.Popen(
            [PROGRAM, "--headless", "--no-remote", "--marionette", "--profile", profile],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._messages = 0
        self._socket = self._connect()
        self._receive()  # who it is
        self._ask("WebDriver:NewSession", {"capabilities": {}})
        self._ask("WebDriver:SetWindowRect", {"width": 1280, "height": 900})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._process.terminate()
        self._process.wait(20)

    def open(self, url: str) -> None:
        self._ask("WebDriver:Navigate", {"url": url})

    def choose_files(self, selector: str, files: list[Path]) -> None:
        found = self._ask("WebDriver:FindElement", {"using": "css selector", "value": selector})["value"]
        self._ask("WebDriver:ElementSendKeys", {"id": found[_ELEMENT], "text": "\n".join(map(str, files))})

    def evaluate(self, script: str) -> Any:
        return self._ask("WebDriver:ExecuteScript", {"script": script, "args": []})["value"]

    def wait_for(self, script: str, limit_s: float = 60) -> Any:
        """What the script returns once that is not false; AssertionError if it stays so."""
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            if found := self.evaluate(script):
                return found
            time.sleep(0.2)
        raise AssertionError(f"false for {limit_s} s: {script}")

    def _connect(self) -> socket.socket:
        end = time.monotonic() + _START_LIMIT_S
        while time.monotonic() < end:
            try:
                return socket.create_connection(("127.0.0.1", _PORT), timeout=_START_LIMIT_S)
            except OSError:
                time.sleep(0.2)
        self._process.kill()
        raise AssertionError(f"Firefox does not listen on port {_PORT} after {_START_LIMIT_S} s")

    def _ask(self, command: str, parameters: dict[str, Any]) -> Any:
        self._messages += 1
        message = json.dumps([0, self._messages, command, parameters]).encode()
        self._socket.sendall(f"{len(message)}:".encode() + message)
        _, _, error, value = self._receive()
        assert error is None, f"{command}: {error}"
        return value

    def _receive(self) -> Any:
        length = b""
        while (letter := self._socket.recv(1)) != b":":
            length += letter
        body = b""
        while len(body) < int(length):
            body += self._socket.recv(int(length) - len(body))
        return json.loads(body)
