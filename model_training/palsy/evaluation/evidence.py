"""All evidence for a palsy checkpoint in one go: metrics.json, the table of figures, the pictures and the model card.

The caches hold people and photographs that training never saw. The calibration is the checkpoint's, fitted on its
validation people, so nothing here is fitted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from face.palsy.decoding import PalsyCalibration
from model_training.data.cache import Cache, open_cache
from model_training.errors import TrainingError
from model_training.networks.build import forward, uses_landmarks
from model_training.palsy.evaluation.figures import (
    REST_POSES,
    Answers,
    draw_report,
    headline,
    map_figures,
    photograph_figures,
    simulated_figures,
)
from model_training.palsy.inference.grader import load_palsy_checkpoint

BATCH_SIZE = 64
# The line of a card's draft that the table of figures takes the place of.
FIGURES_LINE = "<!-- figures -->"


@torch.inference_mode()
def answers_of(
    network: torch.nn.Module, cache: Cache, *, progress: Callable[[int, int], object] | None = None
) -> tuple[Answers, np.ndarray]:
    """Raw answers for every row of a cache, and the unlikeness (N,) of each face (NaN without a geometry branch).
    progress: called with (rows done, all)."""
    network.eval()
    parts: dict[str, list[np.ndarray]] = {}
    geometry = uses_landmarks(network)
    for start in range(0, len(cache), BATCH_SIZE):
        rows = slice(start, start + BATCH_SIZE)
        batch = {name: torch.from_numpy(np.array(cache.arrays[name][rows])) for name in ("images", "landmarks")}
        for name, values in forward(network, batch, uses_geometry=geometry, maps=False).items():
            parts.setdefault(name, []).append(values.float().numpy())
        if progress is not None:
            progress(min(start + BATCH_SIZE, len(cache)), len(cache))
    made = {name: np.concatenate(values) for name, values in parts.items()}
    answers = Answers(cache.frame, made["grade_logits"], made["side_logits"], made.get("asymmetry_map"))
    return answers, made.get("ood_score", np.full(len(cache), np.nan))


def write_evidence(
    checkpoint: Path,
    *,
    test: Path,
    photographs: Mapping[str, Path],
    out: Path,
    card: Path | None = None,
    repeats: int = 500,
    progress: Callable[[int, int], object] | None = None,
) -> Path:
    """Judge and write OUT/metrics.json, figures.md, confusion.png, reliability.png, curves.png and, from a draft,
    MODEL_CARD.md -> OUT.

    test: cache of simulated test people with true maps. photographs: name -> cache of warped photographs; the first is
    the one in the manifest's headline. progress: called with (rows done, all), for each cache anew. Raises
    TrainingError for a cache of another preprocessing or a draft without a place for the figures.
    """
    draft = card.read_text(encoding="utf-8") if card is not None else None
    if draft is not None and FIGURES_LINE not in draft:
        raise TrainingError(f"{card}: has no line {FIGURES_LINE}, so the figures have no place")
    loaded, network, spec = load_palsy_checkpoint(checkpoint)
    calibration = PalsyCalibration.from_dict(loaded.calibration)
    fingerprint = spec.fingerprint()
    simulated_cache = open_cache(test, kind="palsy", fingerprint=fingerprint)
    if len(set(simulated_cache.frame["pose"]) - {""}) < 2:
        raise TrainingError(
            f"{test}: its rows do not name several poses, so this is no cache of simulated people. Make them with "
            "`htnet simulate renders`; for any other people use `htnet palsy evaluate`."
        )
    simulated, unlikeness = answers_of(network, simulated_cache, progress=progress)
    metrics: dict[str, Any] = {"simulated_test": simulated_figures(simulated, calibration, repeats=repeats)}
    metrics["asymmetry_map"] = _map_evidence(simulated, simulated_cache)
    likeness = {"simulated_test": _quantiles(unlikeness)}
    first: Answers | None = None
    for name, folder in photographs.items():
        cache = open_cache(folder, kind="palsy", fingerprint=fingerprint)
        answers, unlikeness = answers_of(network, cache, progress=progress)
        metrics[name] = photograph_figures(answers, calibration, repeats=repeats)
        likeness[name] = _quantiles(unlikeness)
        first = first or answers
    metrics["out_of_distribution"] = likeness
    named = next(iter(photographs), None)
    metrics = {**headline(metrics["simulated_test"], metrics[named] if named else {}), **metrics}
    out.mkdir(parents=True, exist_ok=True)
    (out / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
    table = figures_table(metrics, list(photographs))
    (out / "figures.md").write_text(table, encoding="utf-8")
    if draft is not None:
        (out / "MODEL_CARD.md").write_text(draft.replace(FIGURES_LINE, table.rstrip()), encoding="utf-8")
    draw_report(simulated, calibration, first, out)
    return out


def _map_evidence(answers: Answers, cache: Cache) -> dict[str, Any]:
    maps = answers.asymmetry_map
    if maps is None:
        return {}
    true = np.asarray(cache.arrays["asymmetry_map"], dtype=np.float32)
    # As the service draws it: smoothly between the model's cells.
    size = true.shape[:0:-1]
    maps = np.stack([cv2.resize(values, size, interpolation=cv2.INTER_LINEAR) for values in maps])
    # The true map is 0 outside the person.
    face = np.nan_to_num(true) > 0
    moving = ~cache.frame["pose"].isin(REST_POSES).to_numpy()
    severe = moving & (cache.frame["label"] >= 3).to_numpy()

    # What a map is worth that knows only the movement: the mean true map of these very people in that pose.
    usual = np.empty_like(true)
    of_pose = {pose: (cache.frame["pose"] == pose).to_numpy() for pose in sorted(set(cache.frame["pose"]))}
    known = np.isfinite(true)
    for rows in of_pose.values():
        usual[rows] = np.nan_to_num(true[rows]).sum(axis=0) / known[rows].sum(axis=0).clip(min=1)

    def figures(rows: np.ndarray) -> dict[str, float]:
        of_usual = map_figures(usual[rows], true[rows], face[rows])
        return {**map_figures(maps[rows], true[rows], face[rows]), "mean_of_pose_pearson": of_usual["pearson"]}

    by_pose = {pose: figures(rows) for pose, rows in of_pose.items() if pose not in REST_POSES}
    return {"all": figures(moving), "grade_III_and_worse": figures(severe), "by_pose": by_pose}


def _quantiles(values: np.ndarray) -> dict[str, float]:
    return {name: float(np.quantile(values, level)) for name, level in (("median", 0.5), ("p99", 0.99), ("max", 1.0))}


def figures_table(metrics: Mapping[str, Any], photographs: list[str]) -> str:
    """The table of figures beside the project's targets, Markdown."""
    simulated = metrics["simulated_test"]
    total, bounds = simulated["all"]["figures"], simulated["all"]["intervals"]
    maps = metrics["asymmetry_map"]

    def interval(name: str) -> str:
        low, high = bounds[name]
        return f"{total[name]:.3f} ({low:.3f}-{high:.3f})"

    def worst(column: str, names: set[str] | None = None) -> str:
        groups = simulated["groups"].get(column, {})
        kappas = {k: g["figures"]["kappa"] for k, g in groups.items() if names is None or k in names}
        name = min(kappas, key=lambda k: kappas[k], default=None)
        return "-" if name is None else f"{kappas[name]:.3f} ({name})"

    healthy, rest = simulated["healthy"], simulated.get("rest", {}).get("figures")
    count = f"{simulated['all']['people']} people, {simulated['all']['samples']} images"
    rows = [
        (f"simulated test people ({count}, movement poses): kappa", ">= 0.90", interval("kappa")),
        ("within one grade", ">= 0.97", interval("within_one")),
        ("exact", "-", f"{total['exact']:.3f}"),
        (
            "mean absolute error in grades: of the expected grade; of the grade answered",
            "-",
            f"{total['mae']:.3f}; {total['grade_mae']:.3f}",
        ),
        ("side, grade III and worse, as answered (may be none)", ">= 0.99", interval("side_palsy")),
        ("the same, the more probable of left and right", "-", interval("likelier_side_palsy")),
        (
            "healthy people: graded I or II; side none; both",
            ">= 0.97",
            f"{healthy['graded_I_or_II']:.3f}; {healthy['side_none']:.3f}; {healthy['both']:.3f}",
        ),
        (
            "ECE; coverage of 90 % sets; mean set size",
            "<= 0.03; 88-92 %; -",
            f"{total['ece']:.3f}; {100 * total['coverage']:.1f} %; {total['set_size']:.2f}",
        ),
    ]
    if maps:
        severe = maps["grade_III_and_worse"]
        rows += [
            (
                "asymmetry map against the true map, Pearson: all; grade III and worse",
                ">= 0.7",
                f"{maps['all']['pearson']:.3f}; {severe['pearson']:.3f}",
            ),
            (
                "the same for the mean true map of the pose, which knows nothing of the face",
                "-",
                f"{maps['all']['mean_of_pose_pearson']:.3f}; {severe['mean_of_pose_pearson']:.3f}",
            ),
            (
                "pointing game: all; grade III and worse",
                "-",
                f"{maps['all']['pointing_game']:.3f}; {severe['pointing_game']:.3f}",
            ),
        ]
    rows.append(
        (
            "worst kappa by skin tone; by yaw up to 20 degrees",
            ">= 0.86",
            f"{worst('skin_tone')}; {worst('yaw_band', {'0-5', '5-10', '10-20'})}",
        )
    )
    if rest:
        rows.append(
            (
                "rest: kappa; mean absolute error of the expected grade",
                "-",
                f"{rest['kappa']:.3f}; {rest['mae']:.3f}",
            )
        )
    for name in photographs:
        rows += _photograph_rows(name, metrics[name])
    lines = ["| figure | target | measured |", "|---|---|---|", *(f"| {a} | {b} | {c} |" for a, b, c in rows)]
    lines += [
        "",
        "| pose | kappa | within one | MAE | side, III and worse | map Pearson (mean map of the pose) |",
        "|---|---|---|---|---|---|",
    ]
    for pose, group in sorted(simulated["groups"]["pose"].items()):
        f = group["figures"]
        own = maps["by_pose"][pose] if maps else None
        pearson = f"{own['pearson']:.2f} ({own['mean_of_pose_pearson']:.2f})" if own else "-"
        cells = (f"{f[name]:.3f}" for name in ("kappa", "within_one", "mae", "side_palsy"))
        lines.append(f"| {pose} | {' | '.join(cells)} | {pearson} |")
    return "\n".join(lines) + "\n"


def _photograph_rows(name: str, part: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    pooled, poses = part["pooled"], part["poses"]
    title = name.replace("_", " ")
    people = f"{pooled['people']} photographs, {pooled['photographs']} warps"

    def each(figure: str) -> str:
        return " / ".join(f"{poses[pose]['figures'][figure]:.2f}" for pose in poses)

    low, high = pooled["intervals"]["spearman"]
    rows = [
        (
            f"{title} ({people}): Spearman, pooled",
            "-",
            f"{pooled['figures']['spearman']:.3f} ({low:.3f}-{high:.3f})",
        ),
        (f"{title}: Spearman {' / '.join(poses)}", ">= 0.90 each", each("spearman")),
        (f"{title}: the same within one face and side", ">= 0.97", each("within_face")),
        (
            f"{title}: side, grade III and worse, as answered (may be none)",
            ">= 0.95",
            f"{pooled['figures']['side']:.3f}",
        ),
        (
            f"{title}: the same, the more probable of left and right",
            "-",
            f"{pooled['figures']['likelier_side']:.3f}",
        ),
        (
            f"{title}: mean absolute error in grades: of the expected grade; of the grade answered",
            "<= 0.5; -",
            f"{pooled['figures']['mae']:.3f}; {pooled['figures']['grade_mae']:.3f}",
        ),
    ]
    if "unwarped" in part:
        healthy = part["unwarped"]
        rows.append(
            (
                f"{title}: healthy, at rest, {healthy['photographs']}: graded I or II; side none",
                "all",
                f"{healthy['graded_I_or_II']:.2f}; {healthy['side_none']:.2f}",
            )
        )
    return rows
