"""`htnet data`: data sets to sample tables, tables to caches, for both tasks."""

from __future__ import annotations

from htnet.groups import command_group
from model_training.commands import cache_command
from model_training.datasets.commands import merge_command, prepare, split_command

data = command_group(
    "From a data set's official layout to one table of samples, and from the table to what training reads.\n\n"
    "Example: `htnet data prepare fnp --root FNP --grades 1..6 --out runs/fnp`, then "
    "`htnet data cache runs/fnp --out runs/fnp-cache`"
)
data.add_typer(prepare)
data.command("split")(split_command)
data.command("merge")(merge_command)
data.command("cache")(cache_command)
