"""`htnet microexpression`: train and judge a model of micro-expressions."""

from __future__ import annotations

from htnet.groups import command_group
from htnet.spotting import spot_command
from model_training.commands import ConfiguredCommand, crossval_command, train_command
from model_training.microexpression import commands, loso_commands, pair_commands
from model_training.microexpression.evaluate_command import evaluate_command
from model_training.runtime.waiting_threads import let_waiting_threads_sleep

microexpression = command_group(
    "Train and judge a model of micro-expressions. `train` is the loop that every task shares, from a cache; the "
    "reference model is an ensemble trained on simulated flow (`reference`), then calibrated or fine-tuned.\n\n"
    "Example: `htnet microexpression reference --simulated runs/flow.npz --config "
    "configs/microexpression_reference.toml --out runs/reference.pt`",
    prepare=let_waiting_threads_sleep,
)
microexpression.command("train", cls=ConfiguredCommand)(train_command("microexpression"))
microexpression.command("crossval", cls=ConfiguredCommand)(crossval_command("microexpression"))
microexpression.command("reference")(commands.train_command)
microexpression.command("finetune")(commands.finetune_command)
microexpression.command("calibrate")(commands.calibrate_command)
microexpression.command("evaluate")(evaluate_command)
microexpression.command("loso")(loso_commands.loso_command)
microexpression.command("study")(loso_commands.study_command)
microexpression.command("demo")(commands.demo_command)
microexpression.command("compare-flow")(commands.compare_images_command)
microexpression.command("metrics")(commands.metrics_command)
microexpression.command("predict")(pair_commands.predict_command)
microexpression.command("visualize")(pair_commands.visualize_command)
microexpression.command("false-alarms")(pair_commands.false_alarms_command)
microexpression.command("judge-spotting")(pair_commands.judge_spotting_command)
microexpression.command("spot")(spot_command)
