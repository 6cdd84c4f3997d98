"""`train-visibility` and `judge-visibility`: the head that says what of a face is seen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from model_training.command_options import progress_bar


def train_visibility_command(
    train: Annotated[list[Path], typer.Option(help="Cache of hidden faces to learn from. Repeatable.")],
    validation: Annotated[list[Path], typer.Option(help="Cache of other people, which chooses the epoch. Repeatable.")],
    out: Annotated[Path, typer.Option(help="The file to write, e.g. runs/visibility.pt.")],
    epochs: Annotated[int, typer.Option(help="Passes over the pictures.")] = 10,
    seed: Annotated[int, typer.Option(help="The same seed starts from the same weights.")] = 0,
    init: Annotated[Path | None, typer.Option(help="A head to go on from, at half the learning rate.")] = None,
) -> None:
    """Train the head that tells which parts of a face are seen; `htnet export --visibility` puts it beside a grader.

    Example: `htnet palsy train-visibility --train runs/hidden-cache --validation runs/hidden-18f-cache --out
    runs/visibility.pt`
    """
    from model_training.configuration import build
    from model_training.palsy.visibility.training import Epoch, VisibilityConfig, train_visibility

    def say(epoch: Epoch) -> None:
        typer.echo(
            f"epoch {epoch.number}: {epoch.train_loss:.4f} on what it learns from, {epoch.validation_loss:.4f} on "
            "other people"
        )

    settings: dict[str, float] = {"epochs": epochs, "seed": seed}
    if init is not None:
        settings["learning_rate"] = VisibilityConfig(epochs=epochs).learning_rate / 2
    best = train_visibility(train, validation, out, build(VisibilityConfig, settings), init=init, on_epoch=say)
    typer.echo(f"wrote {out}: the weights of epoch {best.number}")


def judge_visibility_command(
    checkpoint: Annotated[Path, typer.Option(help="What `htnet palsy train-visibility` wrote.")],
    cache: Annotated[Path, typer.Option(help="Cache of hidden faces of people that training never saw.")],
    seen_from: Annotated[float, typer.Option(help="Share of a region from which on it counts as seen.")] = 0.4,
    whole_from: Annotated[float, typer.Option(help="Share below which it is named as seen in part.")] = 0.65,
    mouth_whole_from: Annotated[float, typer.Option(help="The same for a half of the mouth.")] = 0.8,
) -> None:
    """How often something before a face is named, and how often a clean face is taken for covered.

    Example: `htnet palsy judge-visibility --checkpoint models/palsy/visibility.pt --cache runs/hidden-test-cache`
    """
    from face.palsy.visibility import SeenLimits
    from model_training.palsy.visibility.judging import judge_visibility

    try:
        limits = SeenLimits(seen_from=seen_from, whole_from=whole_from, mouth_whole_from=mouth_whole_from)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    with progress_bar("images") as bar:
        figures = judge_visibility(checkpoint, cache, limits=limits, progress=bar.at)
    for line in figures.lines():
        typer.echo(line)
