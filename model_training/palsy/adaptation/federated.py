"""Sites that learn together and exchange only changes of weights: federated averaging, by files.

A round: every site fits the heads of the same checkpoint to its own photographs and gives away the change of the
weights and how many images stand behind it (`site_update`); one of them, or anybody, averages the changes by their
images (`average_updates`; FedAvg: McMahan, Moore, Ramage, Hampson, Agüera y Arcas, AISTATS 2017). The new checkpoint is
where the next round starts. The files go whichever way hospitals exchange files; nothing listens on a network.

A change of weights is no photograph, yet it is computed from photographs, and with effort something of them can be
found in it: it is exchanged with partners, not published.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from model_training.errors import TrainingError
from model_training.palsy.adaptation.heads import AdaptableModel, HeadFit, Photographs, Weights, fit_heads, look_at
from model_training.palsy.evaluation.evaluate import select
from model_training.training.checkpoint import load_payload, save_atomically, save_checkpoint

KIND = "change of heads"
UPDATE_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Change:
    """What one site gives away. start: hash of the heads that it began from; heads: name -> change of that weight."""

    start: str
    images: int
    people: int
    heads: Mapping[str, Tensor]


def change_of(
    model: AdaptableModel, seen: Photographs, fit: HeadFit, *, people: int, seed: int, start: Weights | None = None
) -> Change:
    """start: the round's heads, the checkpoint's otherwise."""
    start = start or model.heads
    fitted = fit_heads(model, seen, fit, seed=seed, start=start)
    return Change(
        start=hash_of(start),
        images=len(seen),
        people=people,
        heads={name: fitted[name] - start[name] for name in start},
    )


def averaged(start: Mapping[str, Tensor], changes: Sequence[Change]) -> Weights:
    """The heads with the mean change, weighed by images. Raises TrainingError for a change that began elsewhere."""
    total = sum(change.images for change in changes)
    here = hash_of(start)
    for number, change in enumerate(changes, start=1):
        if change.start != here:
            raise TrainingError(
                f"change {number} began from other heads ({change.start[:12]}, here {here[:12]}): all sites of a round "
                "begin from the same checkpoint"
            )
    return {
        name: value + sum(change.heads[name] * (change.images / total) for change in changes)
        for name, value in start.items()
    }


def hash_of(heads: Mapping[str, Tensor]) -> str:
    """SHA-256 of names and values."""
    digest = hashlib.sha256()
    for name in sorted(heads):
        digest.update(name.encode() + b"\0" + heads[name].contiguous().numpy().tobytes())
    return digest.hexdigest()


def site_update(
    checkpoint: Path,
    cache_folder: Path,
    out: Path,
    *,
    split: str = "all",
    fit: HeadFit | None = None,
    seed: int = 0,
    progress: Callable[[int, int], object] | None = None,
) -> Change:
    """Fit the checkpoint's heads to the photographs and write the change to the file `out`."""
    model = AdaptableModel(checkpoint)
    selected = select(checkpoint, cache_folder, split=split)
    seen = look_at(model, selected.cache, selected.rows, progress=progress)
    people = int(selected.frame["person_id"].nunique())
    change = change_of(model, seen, fit or HeadFit(), people=people, seed=seed)
    save_atomically({"format": UPDATE_FORMAT, "kind": KIND, **vars(change), "heads": dict(change.heads)}, out)
    return change


def read_update(path: Path) -> Change:
    """Raises TrainingError for anything but a file of `site_update`."""
    payload = load_payload(path)
    if payload.get("kind") != KIND or payload.get("format") != UPDATE_FORMAT:
        raise TrainingError(f"{path}: not a change of heads of this version; `htnet palsy site-update` writes one")
    heads = payload["heads"]
    if not all(torch.isfinite(value).all() for value in heads.values()):
        raise TrainingError(f"{path}: holds numbers that are not finite; ask the site to fit again")
    return Change(start=payload["start"], images=payload["images"], people=payload["people"], heads=heads)


def average_updates(checkpoint: Path, updates: Sequence[Path], out: Path) -> list[Change]:
    """Write the checkpoint with the averaged heads to `out`, calibration as it was.

    Raises TrainingError for a file twice, none, or a change that began from another checkpoint.
    """
    if len(updates) != len({path.resolve() for path in updates}) or not updates:
        raise TrainingError("give each site's change once, and at least one")
    model = AdaptableModel(checkpoint)
    changes = [read_update(path) for path in updates]
    try:
        heads = averaged(model.heads, changes)
    except (TrainingError, KeyError) as error:
        raise TrainingError(f"{checkpoint}: {error} (in the order {', '.join(map(str, updates))})") from error
    said = [{"images": change.images, "people": change.people} for change in changes]
    rounds = [*model.checkpoint.training_data.get("federated", []), said]
    save_checkpoint(
        replace(
            model.checkpoint,
            state_dict=model.state_dict_with(heads),
            training_data={**model.checkpoint.training_data, "federated": rounds},
        ),
        out,
    )
    return changes
