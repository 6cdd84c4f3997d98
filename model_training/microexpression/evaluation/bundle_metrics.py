"""The measured figures of a micro-expression bundle -> its metrics.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from model_training.errors import TrainingError

# Part of metrics.json -> file under the folder of figures; the first is needed, the others are taken where they are.
PARTS = {
    "zero_shot": "zero_shot.json",
    "loso": "loso/loso.json",
    "loso_paper_setting": "loso_paper/loso.json",
    "known_movements": "known_movements.json",
    "flow_agreement_with_tvl1": "flow_agreement.json",
    "false_alarms": "false_alarms.json",
}
# Long tables that stay in the figures' folder.
LEFT_OUT = ("per_subject", "reliability", "seeds")


def metrics_of(folder: Path) -> dict[str, Any]:
    """The folder of `htnet microexpression evaluate`, `loso` and the other measurements -> one JSON object, its main
    figures as plain numbers first. TrainingError where the zero-shot figures are missing or a file is no JSON."""
    parts: dict[str, Any] = {}
    for name, file in PARTS.items():
        path = folder / file
        if not path.is_file():
            continue
        try:
            parts[name] = _shortened(json.loads(path.read_text(encoding="utf-8")))
        except ValueError as error:
            raise TrainingError(f"{path}: is no JSON ({error})") from error
    if "zero_shot" not in parts:
        raise TrainingError(
            f"{folder}: no {PARTS['zero_shot']}; make it with `htnet microexpression evaluate --out {folder}`"
        )
    zero_shot = parts["zero_shot"]
    main: dict[str, Any] = {
        "zero_shot_uf1": zero_shot["ensemble"]["full"]["uf1"],
        "zero_shot_uar": zero_shot["ensemble"]["full"]["uar"],
        "zero_shot_single_uf1": zero_shot["single_mean"]["uf1"],
        "zero_shot_single_uar": zero_shot["single_mean"]["uar"],
        "zero_shot_ece": zero_shot["calibration"]["ece"],
    }
    if "loso" in parts:
        for protocol, scores in parts["loso"]["protocols"].items():
            main[f"loso_{protocol}_ensemble_uf1"] = scores["ensemble"]["full"]["uf1"]
            main[f"loso_{protocol}_single_uf1"] = scores["single"]["full"]["uf1"]
    return {**main, **parts}


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {name: item for name, item in value.items() if name not in LEFT_OUT or not isinstance(item, list)}
        return {name: _shortened(item) for name, item in kept.items()}
    if isinstance(value, list):
        return [_shortened(item) for item in value]
    return round(value, 4) if isinstance(value, float) else value
