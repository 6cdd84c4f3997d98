"""The shipped nginx configuration with a real nginx before the real service."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.security.api_keys import new_key
from tests.ops.live_service import GRADE, ROOT, LiveService, free_port, live_service

pytestmark = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")

# Another address of this machine than the proxy's, as a caller has one.
CALLER = "127.0.0.7"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, tiny_models: Path) -> Iterator[LiveService]:
    folder = tmp_path_factory.mktemp("service")
    secret, line = new_key("ward", "user")
    (folder / "keys").write_text(line + "\n")
    (folder / "secret").write_text(secret)
    settings = {"root_path": "/htnet", "trusted_proxies": "127.0.0.1", "api_keys_file": folder / "keys"}
    with live_service(folder, tiny_models, image_max_bytes=500_000, **settings) as live:
        yield live


@pytest.fixture(scope="module")
def proxy(service: LiveService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Its client has the key."""
    folder, port = tmp_path_factory.mktemp("nginx"), free_port()
    shipped = (ROOT / "docker/nginx/htnet.conf").read_text()
    assert shipped.count("127.0.0.1:8000") == shipped.count("listen 8080;") == 1
    ours = shipped.replace("127.0.0.1:8000", f"127.0.0.1:{service.port}").replace("8080", f"127.0.0.1:{port}")
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{paths}\n{ours}\n}}\n"
    )
    subprocess.run(["nginx", "-t", "-c", folder / "nginx.conf"], check=True, capture_output=True)
    process = subprocess.Popen(["nginx", "-c", folder / "nginx.conf"], stderr=subprocess.DEVNULL)
    secret = (service.log.parent / "secret").read_text()
    transport = httpx.HTTPTransport(local_address=CALLER)
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}/htnet", headers={"x-api-key": secret}, transport=transport, timeout=60
        ) as client:
            deadline = time.monotonic() + 30
            while True:
                try:
                    client.get("/readyz").raise_for_status()
                    break
                except httpx.TransportError:
                    assert time.monotonic() < deadline, (folder / "error.log").read_text()
                    time.sleep(0.1)
            yield client
    finally:
        process.terminate()
        process.wait(30)


def test_a_photograph_is_graded_below_the_prefix(proxy: httpx.Client, astronaut_jpeg: bytes) -> None:
    answer = proxy.post(GRADE, files={"image": astronaut_jpeg})
    assert answer.status_code == 200, answer.text
    assert proxy.get("/openapi.json").json()["servers"] == [{"url": "/htnet"}]


def test_a_refusal_has_the_callers_address_and_not_what_he_claims(proxy: httpx.Client, service: LiveService) -> None:
    headers = {"x-api-key": "none of ours", "x-forwarded-for": "203.0.113.9"}
    refused = proxy.get("/v1/models", headers=headers)
    assert refused.status_code == 401
    line = service.log_line_of(refused.headers["x-request-id"])
    assert CALLER in json.dumps(line)
    assert "203.0.113.9" not in json.dumps(line)


def test_too_large_a_body_is_refused_by_the_service_in_a_sentence(proxy: httpx.Client, astronaut_jpeg: bytes) -> None:
    refused = proxy.post(GRADE, files={"image": bytes(6_000_000)})
    assert (refused.status_code, refused.json()["code"]) == (413, "image-too-large")
    # And the connection is as good as before.
    assert proxy.post(GRADE, files={"image": astronaut_jpeg}).status_code == 200


def test_nothing_redirects_out_of_the_prefix(proxy: httpx.Client) -> None:
    for path in ("/v1/models/", "/docs/", "/v1/audit/"):
        answer = proxy.get(path)
        assert not answer.is_redirect
        assert "location" not in answer.headers
