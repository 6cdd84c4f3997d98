"""`train-visibility` and `judge-visibility`: the head that says what of a face is seen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from model_training.command_options import progress_bar
from model_training.errors import Interrupted


def train_visibility_command(
    train: Annotated[list[Path], typer.Option(help="Cache of hidden faces to learn from. Repeatable.")],
    validation: Annotated[list[Path], typer.Option(help="Cache of other people, which chooses the epoch. Repeatable.")],
    out: Annotated[Path, typer.Option(help="The file to write, e.g. runs/visibility.pt.")],
    epochs: Annotated[int, typer.Option(help="Passes over the pictures.")] = 10,
    seed: Annotated[int, typer.Option(help="The same seed starts from the same weights.")] = 0,
    init: Annotated[Path | None, typer.Option(help="A head to go on from, at half the learning rate.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the training that was begun for --out.")] = False,
) -> None:
    """Train the head that tells which parts of a face are seen; `htnet export --visibility` puts it beside a grader.
    Ctrl-C saves, `--resume` goes on exactly there.

    Example: `htnet palsy train-visibility --train runs/hidden-cache --validation runs/hidden-18f-cache --out
    runs/visibility.pt`
    """
    from model_training.configuration import build
    from model_training.palsy.trained_parts import TrainedParts
    from model_training.palsy.visibility.training import Epoch, VisibilityConfig, train_visibility
    from model_training.training.run_files import begin_training, file_digest, training_folder

    def say(epoch: Epoch) -> None:
        bar.say(
            f"epoch {epoch.number}: {epoch.train_loss:.4f} on what it learns from, {epoch.validation_loss:.4f} on "
            "other people"
        )

    settings: dict[str, float] = {"epochs": epochs, "seed": seed}
    if init is not None:
        settings["learning_rate"] = VisibilityConfig(epochs=epochs).learning_rate / 2
    config = build(VisibilityConfig, settings)
    plan = {
        **config.to_dict(),
        "train": [_key(cache) for cache in train],
        "validation": [_key(cache) for cache in validation],
        "init": "" if init is None else file_digest(init),
    }
    folder = training_folder(out, plan, resume=resume, say=typer.echo)
    begin_training(folder, plan)
    parts = TrainedParts(folder)
    try:
        with progress_bar("steps") as bar:
            best = train_visibility(train, validation, out, config, parts, init=init, on_epoch=say, progress=bar.at)
    except KeyboardInterrupt:
        raise Interrupted(f"Stopped. {parts.how_to_go_on()}") from None
    typer.echo(f"wrote {out}: the weights of epoch {best.number}")


def _key(cache: Path) -> str:
    """Of the table and files that it was made of. Raises TrainingError where it is none."""
    from model_training.data.cache import open_cache, read_description

    open_cache(cache, kind="palsy")
    description = read_description(cache)
    return "" if description is None else description.table_key


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
