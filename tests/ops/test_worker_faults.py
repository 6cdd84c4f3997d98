"""What one worker or one file does to the others: nothing. Real processes, broken as operators broke them."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from service.observability.metrics import Metrics
from service.observability.multiprocess import fold_worker
from service.security.api_keys import new_key
from service.server import supervisor
from tests.onnx_factory import write_palsy_bundle
from tests.ops.live_service import GRADE, LiveService, live_service, metric_sum, wait_for_workers


def wait_for_log(live: LiveService, text: str, within_s: float = 60.0) -> list[str]:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        said = [str(line["message"]) for line in live.log_lines() if text in str(line["message"])]
        if said:
            return said
        time.sleep(0.1)
    raise AssertionError(f"{text!r} was not said:\n{live.log.read_text()}")


class Asking:
    """A client that asks all the time, each time on a connection of its own."""

    def __init__(self, live: LiveService, headers: dict[str, str] | None = None) -> None:
        self.statuses: list[int] = []
        self.longest_gap_s = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask, args=(live, headers or {}))

    def _ask(self, live: LiveService, headers: dict[str, str]) -> None:
        answered_at = time.monotonic()
        while not self._stop.is_set():
            try:
                self.statuses.append(live.get("/v1/models", headers=headers, timeout=10).status_code)
            except httpx.TransportError:
                continue
            now = time.monotonic()
            self.longest_gap_s, answered_at = max(self.longest_gap_s, now - answered_at), now
            time.sleep(0.01)

    def __enter__(self) -> "Asking":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def test_a_typing_error_in_the_key_file_stops_no_healthy_worker(tmp_path: Path, tiny_models: Path) -> None:
    secret, line = new_key("ward", "user")
    keys = tmp_path / "keys"
    keys.write_text(line + "\n")
    with live_service(tmp_path, tiny_models, workers=2, api_keys_file=keys) as live:
        keys.write_text(line + "\ntyping error\n")
        with Asking(live, {"x-api-key": secret}) as asking:
            live.workers()[0].send_signal(signal.SIGKILL)
            wait_for_log(live, "worker died (exit code -9)")
            wait_for_log(live, "worker could not start (exit code 3) and is replaced in 1 s")
            wait_for_log(live, "worker could not start (exit code 3) and is replaced in 2 s")
            assert live.process.poll() is None
            keys.write_text(line + "\n")
            wait_for_workers(live, 2)
        assert set(asking.statuses) == {200}
        assert asking.longest_gap_s < 3


def test_a_damaged_model_stops_no_healthy_worker_and_counters_stay(tmp_path: Path, astronaut_jpeg: bytes) -> None:
    write_palsy_bundle(tmp_path / "models" / "palsy")
    graph = tmp_path / "models" / "palsy" / "model.onnx"
    sound = graph.read_bytes()
    with live_service(tmp_path, tmp_path / "models", workers=2) as live:
        for _ in range(6):
            assert httpx.post(live.url + GRADE, files={"image": astronaut_jpeg}, timeout=30).status_code == 200
        graph.write_bytes(sound[:-100])
        victim = live.workers()[1]
        victim.send_signal(signal.SIGKILL)
        wait_for_log(live, "worker could not start (exit code 3)")
        text = live.get("/metrics").text
        assert metric_sum(text, "htnet_answers_total", task="palsy") == 6
        assert (metric_sum(text, "htnet_workers"), metric_sum(text, "htnet_workers_wanted")) == (1, 2)
        assert httpx.post(live.url + GRADE, files={"image": astronaut_jpeg}, timeout=30).status_code == 200
        graph.write_bytes(sound)
        wait_for_workers(live, 2)
        assert metric_sum(live.get("/metrics").text, "htnet_answers_total", task="palsy") == 7


def test_when_nothing_can_work_the_service_ends_with_3(tmp_path: Path) -> None:
    write_palsy_bundle(tmp_path / "models" / "palsy")
    with live_service(tmp_path, tmp_path / "models", workers=2) as live:
        (tmp_path / "models" / "palsy" / "manifest.json").unlink()
        for worker in live.workers():
            worker.send_signal(signal.SIGKILL)
        assert live.process.wait(240) == 3
        assert wait_for_log(live, "the service ends")
        said = [str(line["message"]) for line in live.log_lines()]
        assert len([line for line in said if "is replaced in" in line]) <= 2 * supervisor.GIVE_UP_AFTER + 1


def test_sighup_harms_nobody_and_renews_the_keys(tmp_path: Path, tiny_models: Path) -> None:
    old, old_line = new_key("old", "user")
    new, new_line = new_key("new", "user")
    keys = tmp_path / "keys"
    keys.write_text(old_line + "\n")
    with live_service(tmp_path, tiny_models, workers=2, api_keys_file=keys) as live:
        pids = {worker.pid for worker in live.workers()}
        keys.write_text(new_line + "\n")
        live.process.send_signal(signal.SIGHUP)
        wait_for_log(live, "API keys reloaded: 1")
        time.sleep(1.2)
        for key, status in ((old, 401), (new, 200)):
            assert {live.get("/v1/models", headers={"x-api-key": key}).status_code for _ in range(6)} == {status}
        assert {worker.pid for worker in live.workers()} == pids


def test_pauses_grow_and_stay_bounded() -> None:
    pauses = [supervisor.pause_after(failures) for failures in range(9)]
    assert pauses == [0, 1, 2, 4, 8, 16, 32, 60, 60]


def test_what_ended_workers_counted_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """prometheus_client takes its folder from the environment when it is imported: a process of its own writes."""
    script = (
        "import os, sys; from pathlib import Path; from service.observability.metrics import Metrics\n"
        "metrics = Metrics(); metrics.reject('queue-full'); metrics.queue_seconds.observe(0.02)\n"
        "metrics.workers.set(1)\n"
        "sys.stdout.write(str(os.getpid()))"
    )
    (tmp_path / "lock").touch()
    for _ in range(3):
        environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
        )
        fold_worker(tmp_path, int(done.stdout))
    assert {path.name for path in tmp_path.iterdir()} == {"lock", "counter_ended.db", "histogram_ended.db"}
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    text = Metrics().render().decode()
    assert metric_sum(text, "htnet_rejected_total", reason="queue-full") == 3
    assert metric_sum(text, "htnet_queue_wait_seconds_count") == 3
    assert metric_sum(text, "htnet_workers") == 0
