"""From a verified bundle to a graph that runs.

ONNX Runtime's wheels write a device id below the home folder and report to their maker as soon as they are imported.
Only this variable, set before the import, stops both: `disable_telemetry_events()` comes too late.
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
