"""Weights of leave-one-subject-out, a checkpoint for each subject: every clip is answered by the network that has not
seen its person."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from model_training.errors import TrainingError
from model_training.microexpression.inference.answers import Shares, answers_for, calibrated, temperature_of
from model_training.microexpression.published_flow import FlowImages
from model_training.saved_folder import is_saved_folder
from model_training.training.checkpoint import BUNDLED, load_checkpoint


def holds_subject_networks(path: Path) -> bool:
    """Whether it is a folder of checkpoints `SUBJECT.pt`, and not one of a single network."""
    single = is_saved_folder(path) or (path / BUNDLED).is_file()
    return path.is_dir() and not single and any(path.glob("*.pt"))


def answers_by_subject(folder: Path, clips: FlowImages) -> Shares:
    """(1, N, classes), calibrated. Raises TrainingError for a subject without a checkpoint, and as `answers_for`."""
    files = {path.stem: path for path in folder.glob("*.pt")}
    missing = [subject for subject in clips.subject_names if own_name(subject) not in files]
    if missing:
        raise TrainingError(
            f"{folder}: no {own_name(missing[0])}.pt for {missing[0]} ({len(missing)} of {len(clips.subject_names)} "
            "subjects have no network of their own); judge the others with --subject"
        )
    shares = np.zeros((1, len(clips), len(clips.class_names)), np.float32)
    for subject in clips.subject_names:
        rows = clips.subjects == subject
        stored = load_checkpoint(files[own_name(subject)])
        shares[0, rows] = calibrated(answers_for(stored, clips.of(rows)), temperature_of(stored))
    return shares


def own_name(subject: str) -> str:
    """Without its data set: casme2/sub01 is sub01."""
    return subject.rpartition("/")[2]
