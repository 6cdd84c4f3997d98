"""What the reference palsy model is worth: every figure of metrics.json and the pictures of docs/research/palsy.

Simulated test people are judged on the movement poses, rest apart: a grade is defined on movement, and at rest the
first three grades look alike by definition. Photographs of other people, warped by severity, are judged by rank
correlation, pooled and within one face and side, because the amplitude of a warp is a convention.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import spearmanr

from face.palsy.decoding import PalsyCalibration
from face.vocabulary import HOUSE_BRACKMANN, SIDES
from model_training.metrics.classification import Floats, confusion_matrix
from model_training.metrics.intervals import intervals_by_person
from model_training.metrics.reliability import calibration_error
from model_training.palsy.evaluation.evaluate import summarise
from model_training.palsy.evaluation.judgement import Judgement, judge

REST_POSES = ("rest",)
YAW_BANDS_DEG = (0.0, 5.0, 10.0, 20.0, 90.0)
# Columns that are figures of fairness and robustness.
GROUPS = ("skin_tone", "yaw_band", "glasses", "beard")


@dataclass(frozen=True)
class Answers:
    """Raw outputs for the rows of `frame`: grade_logits (N, 5), side_logits (N, 3), asymmetry_map (N, h, w) or None."""

    frame: pd.DataFrame
    grade_logits: Floats
    side_logits: Floats
    asymmetry_map: Floats | None = None

    def rows(self, keep: npt.NDArray[np.bool_]) -> Answers:
        """The answers where keep (N,) is true."""
        maps = None if self.asymmetry_map is None else self.asymmetry_map[keep]
        return Answers(self.frame[keep].reset_index(drop=True), self.grade_logits[keep], self.side_logits[keep], maps)

    def judged(self, calibration: PalsyCalibration) -> Judgement:
        outputs = {"grade_logits": self.grade_logits, "side_logits": self.side_logits}
        return judge(self.frame, outputs, labels=HOUSE_BRACKMANN, calibration=calibration)


def yaw_band(yaw_deg: pd.Series) -> pd.Series:
    """Absolute yaw in degrees -> names of YAW_BANDS_DEG, e.g. '5-10'."""
    names = [f"{low:.0f}-{high:.0f}" for low, high in itertools.pairwise(YAW_BANDS_DEG)]
    return pd.cut(yaw_deg.abs(), YAW_BANDS_DEG, labels=names, include_lowest=True).astype(str)


def simulated_figures(answers: Answers, calibration: PalsyCalibration, *, repeats: int = 500) -> dict[str, Any]:
    """Movement poses with all groups, rest apart. Intervals: 95 % bootstrap by person."""
    frame = answers.frame
    if "yaw_deg" in frame.columns:
        frame = frame.assign(yaw_band=yaw_band(frame["yaw_deg"]))
    if "beard" in frame.columns:  # the table holds its density
        frame = frame.assign(beard=np.where(frame["beard"] > 0, "beard", "none"))
    answers = Answers(frame, answers.grade_logits, answers.side_logits, answers.asymmetry_map)
    moving = ~frame["pose"].isin(REST_POSES).to_numpy()
    by = tuple(name for name in GROUPS if name in frame.columns)
    summary = summarise(answers.rows(moving).judged(calibration), by=by, repeats=repeats)
    summary.pop("table")
    healthy = answers.rows(moving & (frame["label"] == 1).to_numpy()).judged(calibration)
    graded_well = np.asarray([r.index <= 1 for r in healthy.readings])
    none = np.asarray([r.side == "none" for r in healthy.readings])
    summary["healthy"] = {
        "graded_I_or_II": float(graded_well.mean()),
        "side_none": float(none.mean()),
        "both": float((graded_well & none).mean()),
    }
    if (~moving).any():
        summary["rest"] = summarise(answers.rows(~moving).judged(calibration), repeats=repeats)["all"]
    return summary


def severity(frame: pd.DataFrame) -> Floats:
    """(N,) severity 0..5 of the rows: the continuous one where the table has it, else label - 1."""
    column = frame["severity"] if "severity" in frame.columns else frame["label"] - 1
    return pd.to_numeric(column).to_numpy(np.float64)


def photograph_figures(answers: Answers, calibration: PalsyCalibration, *, repeats: int = 500) -> dict[str, Any]:
    """Warped photographs, pooled over the movement poses and for each; unwarped ones and rest apart.

    Spearman is that of the expected grade with the imposed severity; `within_face` is its mean over face, pose and
    side (severity 0 belongs to both sides). `mae` is the error of the expected grade, `grade_mae` that of the grade
    answered. The side counts from severity 2, that is grade III: `side` as it is answered, `likelier_side` as the more
    probable of left and right. Intervals: 95 % bootstrap by person.
    """
    frame = answers.frame
    judged = answers.judged(calibration)
    expected = np.asarray([reading.expected for reading in judged.readings])
    grade = np.asarray([reading.index for reading in judged.readings])
    told = np.asarray([reading.side for reading in judged.readings])
    likelier = np.asarray([reading.likelier_side for reading in judged.readings])
    truth = severity(frame)
    people = frame["person_id"].to_numpy(object)
    poses = [str(p) for p in sorted(frame["pose"].unique()) if p not in REST_POSES]
    parts, weights = within_face(frame, expected, truth)

    def figures(rows: npt.NDArray[np.int64]) -> dict[str, float]:
        marked = rows[truth[rows] >= 2]
        return {
            "spearman": float(spearmanr(expected[rows], truth[rows])[0]),
            "within_face": float(parts[rows].sum() / weights[rows].sum()) if weights[rows].any() else float("nan"),
            "mae": float(np.abs(expected[rows] - 1 - truth[rows]).mean()),
            "grade_mae": float(np.abs(grade[rows] - truth[rows]).mean()),
            "side": float((told[marked] == frame["side"].to_numpy()[marked]).mean()),
            "likelier_side": float((likelier[marked] == frame["side"].to_numpy()[marked]).mean()),
        }

    def with_intervals(keep: npt.NDArray[np.bool_]) -> dict[str, Any]:
        rows = np.flatnonzero(keep)
        bounds = intervals_by_person(people[rows], lambda drawn: figures(rows[drawn]), repeats=repeats)
        return {
            "photographs": len(rows),
            "people": len(set(people[rows])),
            "figures": figures(rows),
            "intervals": {name: list(low_high) for name, low_high in bounds.items()},
        }

    pose = frame["pose"].to_numpy()
    result: dict[str, Any] = {"pooled": with_intervals(np.isin(pose, poses))}
    result["poses"] = {name: with_intervals(pose == name) for name in poses}
    if np.isin(pose, REST_POSES).any():
        result["rest"] = figures(np.flatnonzero(np.isin(pose, REST_POSES)))
    # Severity 0 at rest moves nothing: that is the photograph as it was.
    unwarped = np.flatnonzero(np.isin(pose, REST_POSES) & (truth == 0))
    if len(unwarped):
        mild = np.asarray([judged.readings[row].index <= 1 for row in unwarped])
        result["unwarped"] = {
            "photographs": len(unwarped),
            "graded_I_or_II": float(mild.mean()),
            "side_none": float((told[unwarped] == "none").mean()),
            "mean_expected": float(expected[unwarped].mean()),
        }
    return result


def within_face(frame: pd.DataFrame, expected: Floats, truth: Floats) -> tuple[Floats, Floats]:
    """Spearman within each face, pose and side (severity 0 takes part on both sides), shared out over its rows.

    -> parts (N,) and weights (N,): of any rows that hold faces whole, also more than once, the mean is
    sum(parts) / sum(weights).
    """
    parts, weights = np.zeros(len(frame)), np.zeros(len(frame))
    sides = frame["side"].to_numpy()
    for rows in frame.groupby(["person_id", "pose"], sort=False).indices.values():
        values = []
        for side in SIDES[:2]:
            own = rows[(sides[rows] == side) | (truth[rows] == 0)]
            if len(np.unique(truth[own])) > 2 and len(np.unique(expected[own])) > 1:
                values.append(float(spearmanr(expected[own], truth[own])[0]))
        parts[rows], weights[rows] = sum(values) / len(rows), len(values) / len(rows)
    return parts, weights


def map_figures(predicted: Floats, true: Floats, face: Floats) -> dict[str, float]:
    """Asymmetry maps (N, h, w), predicted and true, and the mask of the face -> Pearson inside the face and pointing
    game.

    Pearson: mean over images; pointing: share of images whose strongest predicted cell lies where the true map is at
    least half of its maximum.
    """
    correlations, hits = [], []
    for mine, truth, mask in zip(predicted, true, face, strict=True):
        inside = mask & np.isfinite(truth)
        if inside.sum() < 16 or truth[inside].std() < 1e-6 or mine[inside].std() < 1e-9:
            continue
        correlations.append(np.corrcoef(mine[inside], truth[inside])[0, 1])
        values = np.where(inside, mine, -np.inf)
        hits.append(truth.ravel()[values.argmax()] >= 0.5 * truth[inside].max())
    return {"pearson": float(np.mean(correlations)), "pointing_game": float(np.mean(hits)), "images": len(hits)}


def draw_report(
    answers: Answers, calibration: PalsyCalibration, photographs: Answers | None, out: Path
) -> dict[str, Path]:
    """confusion.png, reliability.png and curves.png under `out`."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    out.mkdir(parents=True, exist_ok=True)
    moving = answers.rows(~answers.frame["pose"].isin(REST_POSES).to_numpy())
    judged = moving.judged(calibration)
    paths: dict[str, Path] = {}

    def save(name: str, draw: Callable[[Any], None], size: tuple[float, float]) -> None:
        figure, axes = plt.subplots(figsize=size, dpi=80)
        draw(axes)
        figure.tight_layout()
        paths[name] = out / f"{name}.png"
        figure.savefig(paths[name])
        plt.close(figure)

    def confusion(axes: Any) -> None:
        counts = confusion_matrix(truth=judged.truth, predicted=judged.predicted, classes=6)
        shares = counts / counts.sum(axis=1, keepdims=True).clip(min=1)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (row, column), share in np.ndenumerate(shares):
            axes.text(column, row, f"{share:.2f}", ha="center", va="center", color="white" if share > 0.5 else "black")
        axes.set(xticks=range(6), yticks=range(6), xticklabels=HOUSE_BRACKMANN, yticklabels=HOUSE_BRACKMANN)
        axes.set(xlabel="predicted", ylabel="true", title="Simulated test people, movement poses")

    def calibration_curve(axes: Any) -> None:
        curve = judged.reliability_curve()
        axes.plot([0, 1], [0, 1], color="grey", linewidth=1)
        axes.plot([point.confidence for point in curve], [point.accuracy for point in curve], marker="o")
        axes.set(xlabel="stated probability", ylabel="share that is right")
        axes.set(title=f"Reliability, ECE {calibration_error(curve):.3f}")
        axes.set(xlim=(0, 1), ylim=(0, 1))

    def curves(axes: Any) -> None:
        for source, style, label in ((moving, "-", "simulated"), (photographs, "--", "photograph")):
            if source is None:
                continue
            expected = np.asarray([r.expected for r in source.judged(calibration).readings])
            level = np.rint(severity(source.frame)).astype(int)
            poses = source.frame["pose"].to_numpy()
            for pose in [p for p in sorted(set(poses)) if p not in REST_POSES]:
                means = [
                    (s, expected[(poses == pose) & (level == s)].mean()) for s in sorted(set(level[poses == pose]))
                ]
                axes.plot(*zip(*means, strict=True), style, marker=".", label=f"{label}: {pose}", linewidth=1)
        axes.plot([0, 5], [1, 6], color="grey", linewidth=1)
        axes.set(xlabel="severity that was imposed", ylabel="mean expected grade", title="Answer by severity")
        axes.legend(fontsize=6)

    save("confusion", confusion, (5, 4.6))
    save("reliability", calibration_curve, (4.2, 4.2))
    save("curves", curves, (6, 4.6))
    return paths


def headline(simulated: Mapping[str, Any], photographs: Mapping[str, Any]) -> dict[str, Any]:
    """The few figures that travel in the manifest."""
    figures = simulated["all"]["figures"]
    chosen = {
        f"simulated_{name}": round(figures[name], 3) for name in ("kappa", "within_one", "mae", "side_palsy", "ece")
    }
    for pose, part in photographs.get("poses", {}).items():
        chosen[f"photographs_spearman_{pose}"] = round(part["figures"]["spearman"], 3)
    pooled = photographs.get("pooled")
    if pooled:
        chosen["photographs_mae"] = round(pooled["figures"]["mae"], 3)
        chosen["photographs_grade_mae"] = round(pooled["figures"]["grade_mae"], 3)
        chosen["photographs_side"] = round(pooled["figures"]["side"], 3)
    return chosen
