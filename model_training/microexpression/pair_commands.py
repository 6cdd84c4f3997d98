"""Pairs of frames: what a model says of one, and how often it would name an emotion where there is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from face.vocabulary import FacePolicy
from model_training.command_options import progress_bar

SHIPPED = Path("models/microexpression/checkpoint.pt")
Onset = Annotated[Path, typer.Argument(help="The face at rest.")]
Apex = Annotated[Path, typer.Argument(help="The same face at the peak of the movement.")]
PairCheckpoint = Annotated[
    Path, typer.Option("--checkpoint", help="Any micro-expression checkpoint; the shipped model's otherwise.")
]
PairFace = Annotated[
    FacePolicy, typer.Option("--face", help="`single`: several faces are an error; `largest`: judge the largest one.")
]


def predict_command(
    onset: Onset,
    apex: Apex,
    checkpoint: PairCheckpoint = SHIPPED,
    face: PairFace = "single",
) -> None:
    """The emotion of the motion between two frames, as JSON: what the service would answer.

    Example: `htnet microexpression predict onset.png apex.png`
    """
    from model_training.microexpression.inference.predict import as_json, predict_pair

    typer.echo(json.dumps(as_json(predict_pair(checkpoint, onset, apex, policy=face).read), indent=1))


def visualize_command(
    onset: Onset,
    apex: Apex,
    out: Annotated[Path, typer.Option("--out", help="The .png to write.")],
    checkpoint: PairCheckpoint = SHIPPED,
    face: PairFace = "single",
) -> None:
    """Onset, apex, the motion between them, what the network reads of it, and the answer, on one sheet.

    Example: `htnet microexpression visualize onset.png apex.png --out runs/pair.png`
    """
    from model_training.microexpression.inference.predict import predict_pair
    from model_training.microexpression.inference.visualize import draw_pair, heading

    answered = predict_pair(checkpoint, onset, apex, policy=face)
    draw_pair(answered.read, answered.onset, answered.apex, out)
    typer.echo(f"{heading(answered.read)}: {out}")


def false_alarms_command(
    photographs: Annotated[Path, typer.Argument(help="Folder of portraits, each of another person at rest.")],
    out: Annotated[Path, typer.Option("--out", help="The .json file to write.")],
    people: Annotated[int, typer.Option(help="Rendered people who blink, look, speak, turn.", min=0)] = 60,
    seed: Annotated[int, typer.Option(help="Same seed, same pairs.")] = 0,
) -> None:
    """How often an emotion is named where nothing moved but a camera, a lid, a jaw or the head, and how often a
    movement of known size is found.

    Example: `htnet microexpression false-alarms runs/portraits --out runs/false_alarms.json`
    """
    from model_training.microexpression.evaluation.false_alarms import TABLES, false_alarms, write_false_alarms

    with progress_bar("people") as bar:
        report = false_alarms(photographs, rendered_people=people, seed=seed, on_progress=bar.at)
    write_false_alarms(report, out)
    for part in TABLES:
        for name, row in report[part].items():
            named, sure = row["emotion_named"], row["without_a_warning"]
            typer.echo(
                f"{part} {name}: an emotion named in {named:.3f} of {row['pairs']}, without a warning {sure:.3f}"
            )
    typer.echo(f"figures: {out}")


def judge_spotting_command(
    photographs: Annotated[Path, typer.Argument(help="Folder of portraits, each of another person at rest.")],
    out: Annotated[Path, typer.Option("--out", help="The .json file to write.")],
    portraits: Annotated[int, typer.Option(help="Of them, how many are filmed.", min=0)] = 30,
    people: Annotated[int, typer.Option(help="Rendered people, who also speak.", min=0)] = 30,
    seed: Annotated[int, typer.Option(help="Same seed, same clips.")] = 0,
) -> None:
    """How often the one movement of a clip is found, with its apex within .1 s, and how many events a minute are found
    where a person rests or speaks.

    Example: `htnet microexpression judge-spotting runs/portraits --out runs/spotting.json`
    """
    from face.whole_file import write_text
    from model_training.microexpression.evaluation.spotting_figures import judge_spotting

    with progress_bar("people") as bar:
        report = judge_spotting(photographs, portraits=portraits, rendered=people, seed=seed, progress=bar.at)
    write_text(json.dumps(report, indent=1) + "\n", out)
    for name, row in report["one_movement"].items():
        typer.echo(f"{name}: the apex found in {row['apex_found']:.3f} of {row['clips']} clips")
    for name, row in report["no_expression"].items():
        typer.echo(f"{name}: {row['expressions_a_minute']:.2f} expressions a minute in {row['minutes']:.1f} minutes")
    typer.echo(f"figures: {out}")
