"""MediaPipe's reports to its maker end where `stop_usage_reports` sends them."""

import os
import socket
import subprocess
import sys

START = """
import sys
from face.landmarks.mediapipe_reference import usage_reports
from face.landmarks.mediapipe_reference.landmarker import MediapipeLandmarker
usage_reports._DEAD_END = sys.argv[1]
MediapipeLandmarker().close()
"""


def test_reports_go_to_the_dead_end_whatever_the_machine_says() -> None:
    environment = os.environ | {"https_proxy": "http://127.0.0.1:1", "no_proxy": "*", "NO_PROXY": "*"}
    with socket.create_server(("127.0.0.1", 0)) as dead_end:
        dead_end.settimeout(30)
        command = [sys.executable, "-c", START, f"http://127.0.0.1:{dead_end.getsockname()[1]}"]
        with subprocess.Popen(command, env=environment) as started:
            connection, _ = dead_end.accept()
            with connection:
                connection.settimeout(10)
                assert connection.recv(4096).startswith(b"CONNECT play.googleapis.com:443")
    assert started.returncode == 0
