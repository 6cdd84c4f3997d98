"""`python -m model_training <command>`: the commands of the training package under one flat list of names.

`htnet` has the same commands, grouped. Heavy imports (torch, MediaPipe) happen inside the commands, so that `--help`
answers at once.
"""

from __future__ import annotations

import typer

from model_training import commands
from model_training.command_messages import CommandGroup, errors_as_messages
from model_training.datasets import commands as datasets
from model_training.microexpression import commands as microexpression
from model_training.microexpression.evaluate_command import evaluate_command as evaluate_flow_command
from model_training.microexpression.loso_commands import loso_command
from model_training.palsy.evaluation import commands as evaluation
from model_training.palsy.inference import commands as inference
from model_training.runtime.waiting_threads import let_waiting_threads_sleep
from model_training.simulator import commands as simulator


def build_app() -> typer.Typer:
    app = typer.Typer(
        name="model_training",
        cls=CommandGroup,
        help="Any licensed data set in, a served model out: prepare, cache, train, evaluate, then `python -m export`. "
        "`htnet` has the same commands, grouped.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
    )
    app.add_typer(datasets.prepare)
    app.command("split")(datasets.split_command)
    app.command("merge")(datasets.merge_command)
    app.command("simulate", cls=simulator.FormerSimulate)(simulator.simulate_command)
    app.command("preview")(simulator.preview_command)
    app.command("warp")(simulator.warp_command)
    app.command("portraits")(simulator.portraits_command)
    app.command("cache")(commands.cache_command)
    app.command("train", cls=commands.ConfiguredCommand)(commands.train_command())
    app.command("crossval", cls=commands.ConfiguredCommand)(commands.crossval_command())
    app.command("evaluate")(evaluation.evaluate_command)
    app.command("predict")(inference.predict_command)
    app.command("visualize")(inference.visualize_command)
    app.command("calibrate")(evaluation.calibrate_command)
    app.command("palsy-evidence")(evaluation.evidence_command)
    app.command("palsy-ablation")(evaluation.ablation_command)
    app.command("throughput")(evaluation.throughput_command)
    app.command("demo")(inference.demo_command)
    app.command("loso")(loso_command)
    app.command("simulate-microexpressions")(microexpression.simulate_command)
    app.command("compare-flow-images")(microexpression.compare_images_command)
    app.command("train-microexpression")(microexpression.train_command)
    app.command("calibrate-microexpression")(microexpression.calibrate_command)
    app.command("finetune-microexpression")(microexpression.finetune_command)
    app.command("evaluate-microexpression")(evaluate_flow_command)
    app.command("microexpression-metrics")(microexpression.metrics_command)
    return app


def main() -> None:
    """Run a command; an error that the user can mend is one message on stderr and exit status 1."""
    let_waiting_threads_sleep()
    with errors_as_messages():
        build_app()()
