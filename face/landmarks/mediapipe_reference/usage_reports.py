"""Keeps MediaPipe from reporting to its maker.

Its wheels report every start, and how many pictures were looked at, to play.googleapis.com
(https://github.com/google-ai-edge/mediapipe/issues/6291). There is no switch; but what sends the reports asks the
environment for a proxy, and with a proxy where nobody listens they end on this machine.
"""

from __future__ import annotations

import os

_DEAD_END = "http://127.0.0.1:9"


def stop_usage_reports() -> None:
    """Close https to everything in this process that goes by the environment's proxy. Call it before the first start.

    Calls within this machine stay possible; an exporter that has to get out must not ask the environment.
    """
    os.environ["https_proxy"] = _DEAD_END
    # A list that excepts Google's hosts, or all, would undo it.
    os.environ["no_proxy"] = "localhost,127.0.0.1,::1"
