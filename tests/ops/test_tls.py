"""TLS by settings: a real handshake with a certificate that the client checks, and what is cut."""

import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.ops.live_service import GRADE, LiveService, live_service

HANDSHAKE_TIMEOUT_S = 1.0

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, tiny_models: Path) -> Iterator[LiveService]:
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
         "-subj", "/CN=htnet", "-addext", "subjectAltName=IP:127.0.0.1", "-out", certificate, "-keyout", key],
        check=True, capture_output=True,
    )  # fmt: skip
    with live_service(
        folder, tiny_models, tls=ssl.create_default_context(cafile=str(certificate)),
        tls_certificate=certificate, tls_key=key, head_timeout_s=HANDSHAKE_TIMEOUT_S,
    ) as live:  # fmt: skip
        yield live


def test_a_photograph_is_graded_over_tls(service: LiveService, astronaut_jpeg: bytes) -> None:
    assert service.tls is not None
    answer = httpx.post(service.url + GRADE, files={"image": astronaut_jpeg}, verify=service.tls, timeout=30)
    assert answer.status_code == 200, answer.text
    assert answer.headers["strict-transport-security"].startswith("max-age=")


def test_the_certificate_is_really_checked(service: LiveService) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(service.url + "/livez")


def test_plain_http_and_old_tls_get_no_answer(service: LiveService) -> None:
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://127.0.0.1:{service.port}/livez")
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", service.port), timeout=5) as connection, pytest.raises(ssl.SSLError):
        old.wrap_socket(connection)


def test_a_silent_handshake_is_cut(service: LiveService) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        started = time.monotonic()
        assert connection.recv(1) == b""
    assert HANDSHAKE_TIMEOUT_S * 0.8 < time.monotonic() - started < HANDSHAKE_TIMEOUT_S + 2


def test_a_slow_head_is_cut(service: LiveService) -> None:
    assert service.tls is not None
    with (
        socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection,
        service.tls.wrap_socket(connection, server_hostname="127.0.0.1") as channel,
    ):
        channel.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n")
        assert channel.recv(4096).startswith(b"HTTP/1.1 408")
