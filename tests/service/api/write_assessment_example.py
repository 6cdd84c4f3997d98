"""Writes the OpenAPI example of an examination: the shipped model's answer for the simulated patient of the tutorial.

    python -m tests.service.api.write_assessment_example

Four of the eight pictures and a few of the measures, so that it can be read.
"""

from __future__ import annotations

import json
from pathlib import Path

from starlette.testclient import TestClient

from service.app import create_app
from service.config import Settings

ROOT = Path(__file__).parents[3]
PATIENT = ROOT / "docs" / "images" / "simulated-patient"
EXAMPLE = ROOT / "service" / "api" / "schemas" / "assessment_example.json"
POSES = ("rest", "brow_lift", "gentle_closure", "full_smile")
MEASURES = ("fissure", "brow_excursion", "closure", "commissure_excursion")


def main() -> None:
    with TestClient(create_app(Settings(models_dir=ROOT / "models", audit_url="", running_max=1))) as client:
        files = [(pose, (f"{pose}.jpg", (PATIENT / f"{pose}.jpg").read_bytes(), "image/jpeg")) for pose in POSES]
        answer = client.post("/v1/palsy/assess", files=files).json()
    answer["request_id"] = "0f8fad5bd9cb469fa16570867728950e"
    answer["measures"] = [one for one in answer["measures"] if one["id"] in MEASURES and one["pose"] != "rest"]
    EXAMPLE.write_text(json.dumps(rounded(answer), indent=1) + "\n", encoding="utf-8")


def rounded(value: object) -> object:
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return round(value, 4) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
