"""A sample table of files made on the spot."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from model_training.data.sample_table import SampleTable, validate


def table(folder: Path, contents: dict[str, bytes]) -> SampleTable:
    """One row a name; a file without content is not written."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        if content:
            (folder / name).write_bytes(content)
    frame = pd.DataFrame(
        {
            "sample_id": list(contents),
            "person_id": [f"p{i % 7}" for i in range(len(contents))],
            "path": list(contents),
            "label": 1,
            "side": "none",
            "pose": "",
            "split": "",
            "dataset": "made",
        }
    )
    return SampleTable(frame=validate(frame, source="made", num_classes=6), folder=folder)
