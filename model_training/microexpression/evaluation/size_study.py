"""Which size of HTNet: leave-one-subject-out for every width and number of heads, as one table."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from face.whole_file import write_text
from model_training.data.sample_table import write_table
from model_training.errors import TrainingError
from model_training.microexpression.evaluation.report import protocol_report
from model_training.microexpression.folded.fold_chunk import LosoRun
from model_training.microexpression.folded.inputs import network_input
from model_training.microexpression.folded.loso import LosoResult, choose, run_loso
from model_training.microexpression.folded.network import (
    FoldedConfig,
    fold_state_dict,
    forward,
    htnet_arguments,
    init_weights,
    patches,
)
from model_training.microexpression.folded.reference import as_tensor
from model_training.microexpression.folded.training import TrainingConfig
from model_training.microexpression.published_flow import FlowImages, load_flow
from model_training.networks.htnet import HTNet

COMPARED_IMAGES = 32
ABOUT_HEADS = (
    "In this setting (28 pixels, patch 7, three hierarchies) every block sees one token. The softmax over one token is "
    "1 whatever query and key say, so attention is the linear map value -> out, and heads have nothing to share out: "
    "they only decide how wide the middle of that map is, heads x (dim // heads). Numbers of heads with the same "
    "middle are one and the same network and were trained once; rows of another middle differ by a sliver of rank, "
    "and by the noise of another start."
)


@dataclass(frozen=True)
class Size:
    """One network that is trained. heads: all numbers of heads that are this network."""

    config: FoldedConfig
    heads: tuple[int, ...]

    @property
    def weights(self) -> int:
        """How many the lean form has."""
        made = init_weights(self.config, 1, torch.Generator())
        return sum(value.numel() for value in made.values())


def sizes_of(base: FoldedConfig, dims: Sequence[int], heads: Sequence[int]) -> list[Size]:
    """The different networks among dims x heads. Raises TrainingError where heads are more than a width."""
    sizes = []
    for dim in dims:
        too_many = [number for number in heads if number > dim]
        if too_many:
            raise TrainingError(f"--heads {too_many[0]} are more than --dim {dim}: a head would be less than one wide")
        alike: dict[tuple[int, ...], list[int]] = {}
        for number in heads:
            alike.setdefault(base.changed(dim=dim, heads=number).inner_widths(), []).append(number)
        sizes += [Size(base.changed(dim=dim, heads=group[0]), tuple(group)) for group in alike.values()]
    return sizes


def study_sizes(
    source: Path,
    config: TrainingConfig,
    *,
    dims: Sequence[int],
    heads: Sequence[int],
    seeds: int,
    out: Path,
    folds_per_chunk: int,
    device: str = "cpu",
    processes: int = 1,
    say: Callable[[str], None] | None = None,
    progress: Callable[[float, float], object] | None = None,
) -> list[dict[str, Any]]:
    """Train every size with every seed -> the rows of OUT/study.md, study.csv and study.json. Finished folds are kept
    in OUT/parts. progress: called with (runs done, all).

    Raises TrainingError and Interrupted as `run_loso`.
    """
    data = load_flow(source)
    sizes = sizes_of(config.model, list(dict.fromkeys(dims)), list(dict.fromkeys(heads)))
    rows, runs = [], len(sizes) * seeds
    for number, size in enumerate(sizes):
        results = []
        for seed in range(seeds):
            before = number * seeds + seed

            def at(done: float, chunks: int, before: int = before) -> None:
                if progress is not None:
                    progress(before + done / chunks, runs)

            run = LosoRun(
                config=config.changed(model=size.config), seed=seed, folds_per_chunk=folds_per_chunk, device=device
            )
            result = run_loso(source, run, out=out / "parts", processes=processes, progress=say, on_chunk=at)
            assert result is not None, "without a shard all folds are there"  # noqa: S101 - for the type checker
            results.append(result)
        rows.append(_row(size, results, data))
    _write(rows, out)
    return rows


def heads_difference(size: Size, images: np.ndarray) -> float:
    """The largest difference of any logit, among the numbers of heads of one size, for a full HTNet (with query and
    key) of the same weights. images (N, 28, 28, 3) uint8."""
    weights = init_weights(size.config, 1, torch.Generator().manual_seed(0))
    x = network_input(as_tensor(images), kind="whole")
    with torch.inference_mode():
        folded = forward(size.config, weights, patches(x))[0]
        return max(float((_full(size.config, weights, heads)(x) - folded).abs().max()) for heads in size.heads)


def _full(config: FoldedConfig, weights: dict[str, torch.Tensor], heads: int) -> HTNet:
    """HTNet with so many heads and these weights; query and key are whatever they begin as."""
    network = HTNet(**{**htnet_arguments(config), "heads": heads, "lean": False}).eval()
    state = network.state_dict()
    for name, value in fold_state_dict(config, weights, 0).items():
        if name.endswith("attention.value.weight"):
            qkv = state[name.replace("value", "qkv")]
            qkv[2 * len(value) :] = value
        else:
            state[name] = value
    network.load_state_dict(state)
    return network


def _row(size: Size, results: Sequence[LosoResult], data: FlowImages) -> dict[str, Any]:
    subject = data.subject_index()
    reports = {
        protocol: protocol_report([choose(result, subject, protocol) for result in results], data, data.labels)
        for protocol in ("a", "b")
    }
    b, interval = reports["b"]["single"]["full"], reports["b"]["single_interval_95_by_subject"]["uf1"]
    return {
        "dim": size.config.dim,
        "heads": ", ".join(map(str, size.heads)),
        "middle": size.config.inner_widths()[0],
        "weights": size.weights,
        "seeds": len(results),
        "uf1": b["uf1"],
        "uf1_sd": b["uf1_sd"],
        "uf1_low": interval[0],
        "uf1_high": interval[1],
        "uar": b["uar"],
        "uar_sd": b["uar_sd"],
        "uf1_chosen_on_the_test_subject": reports["a"]["single"]["full"]["uf1"],
        "largest_difference_between_heads": heads_difference(size, data.images[:COMPARED_IMAGES]),
    }


def _write(rows: Sequence[dict[str, Any]], out: Path) -> None:
    write_table(pd.DataFrame(rows), out / "study.csv")
    write_text(json.dumps({"about_heads": ABOUT_HEADS, "rows": list(rows)}, indent=1) + "\n", out / "study.json")
    write_text(as_markdown(rows), out / "study.md")


def as_markdown(rows: Sequence[dict[str, Any]]) -> str:
    """The table, what heads do here, and how to read the figures."""
    lines = [
        "| dim | heads | middle of value -> out | weights | UF1 (b) | 95 % by subject | UAR (b) | UF1 (a), a leak |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row['dim']} | {row['heads']} | {row['middle']} | {row['weights']:,} | {row['uf1']:.3f} ± "
            f"{row['uf1_sd']:.3f} | {row['uf1_low']:.3f}-{row['uf1_high']:.3f} | {row['uar']:.3f} ± "
            f"{row['uar_sd']:.3f} | {row['uf1_chosen_on_the_test_subject']:.3f} |"
        )
    largest = max(row["largest_difference_between_heads"] for row in rows)
    lines += [
        "",
        f"{ABOUT_HEADS} Measured: with the same weights, no logit of a row differs by more than {largest:.1e} between "
        "its numbers of heads.",
        "",
        f"Leave-one-subject-out, mean ± standard deviation over {rows[0]['seeds']} seeds. (b): the last epoch, fixed "
        "beforehand. (a): the epoch that is best on the test subject, the protocol of the paper. A difference smaller "
        "than the deviation over seeds, or than the interval, says nothing.",
    ]
    return "\n".join(lines) + "\n"
