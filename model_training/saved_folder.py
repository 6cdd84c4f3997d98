"""A network as a folder that can be shared: config.json, model.safetensors and README.md, a card that hubs can read.

config.json holds the network's class, its constructor's arguments and what is known about it: task, labels,
preprocessing, calibration. The weights are not pickled, so nothing in the folder can run code.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, cast

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from face.whole_file import whole_file, write_text
from model_training.errors import TrainingError

FORMAT = 1
CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"


@dataclass(frozen=True, kw_only=True)
class SavedNetwork:
    """network: name of its class; arguments: of its constructor, lists in place of tuples; about: task, labels and the
    other fields of a checkpoint, as far as they are known."""

    network: str
    arguments: Mapping[str, Any]
    about: Mapping[str, Any]
    state_dict: Mapping[str, Tensor]


def is_saved_folder(path: Path) -> bool:
    return (path / CONFIG).is_file() and (path / WEIGHTS).is_file()


class SavedInFolder:
    """What a network class inherits to be saved and brought back: `save_pretrained` and `from_pretrained`.

    The class keeps its constructor's arguments in `config`. about: what a checkpoint said of these weights; a network
    that was just made knows nothing.
    """

    config: dict[str, Any]
    about: Mapping[str, Any] = {}

    def save_pretrained(self, directory: str | Path, *, licence: str = "", card: str = "") -> Path:
        """Write the network and its model card to a folder. Returns the folder.

        licence: an SPDX name for the card's head, by default what `about` says; card: Markdown that replaces the text
        below the head.
        """
        folder = Path(directory)
        name, arguments = type(self).__name__, plain(self.config)
        tensors = {
            key: value.detach().cpu().contiguous() for key, value in cast("nn.Module", self).state_dict().items()
        }
        with whole_file(folder / WEIGHTS) as temporary:
            save_file(tensors, temporary, metadata={"format": "pt"})
            digest = _sha256(temporary)
        about = plain(self.about)
        stored = {"format": FORMAT, "network": name, "arguments": arguments, "weights_sha256": digest, "about": about}
        write_text(json.dumps(stored, indent=1) + "\n", folder / CONFIG)
        head = _card_head(about, licence=licence or str(about.get("licence", "")))
        write_text(head + (card or _card_text(name, arguments, about)), folder / CARD)
        return folder

    @classmethod
    def from_pretrained(cls, directory: str | Path) -> Self:
        """What `save_pretrained` wrote, on the CPU and in eval mode.

        Raises TrainingError for a folder that holds none, another class, or weights that are damaged or do not fit.
        """
        folder = Path(directory)
        saved = read_saved(folder)
        if saved.network != cls.__name__:
            raise TrainingError(
                f"{folder}: holds {saved.network}, not {cls.__name__}; call {saved.network}.from_pretrained"
            )
        try:
            network = cls(**with_tuples(saved.arguments))
            module = cast("nn.Module", network)
            module.load_state_dict(dict(saved.state_dict))
        except (TypeError, ValueError) as error:
            raise TrainingError(f"{folder / CONFIG}: arguments: {error}") from error
        except RuntimeError as error:
            problem = " ".join(str(error).split())[:200]
            raise TrainingError(f"{folder}: the weights do not fit the configuration ({problem})") from error
        network.about = saved.about
        module.eval()
        return network


def read_saved(folder: Path) -> SavedNetwork:
    """Raises TrainingError naming the file and what is wrong with it."""
    if not is_saved_folder(folder):
        raise TrainingError(f"{folder}: no folder with {CONFIG} and {WEIGHTS}, as save_pretrained writes it")
    path = folder / CONFIG
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise TrainingError(f"{path}: is not JSON ({error})") from error
    if not isinstance(stored, dict):
        raise TrainingError(f"{path}: must hold a JSON object, found {type(stored).__name__}")
    fields = {"network": str, "arguments": dict, "about": dict, "weights_sha256": str}
    wrong = [name for name, kind in fields.items() if not isinstance(stored.get(name), kind)]
    if wrong:
        raise TrainingError(f"{path}: not written by save_pretrained, it lacks {', '.join(wrong)}")
    if stored.get("format") != FORMAT:
        raise TrainingError(f"{path}: format {stored.get('format')!r}, this version reads {FORMAT}")
    weights = folder / WEIGHTS
    if _sha256(weights) != stored["weights_sha256"]:
        raise TrainingError(f"{weights}: damaged or of another model, its SHA-256 is not the one in {CONFIG}")
    try:
        tensors = load_file(weights)
    except SafetensorError as error:
        raise TrainingError(f"{weights}: not a safetensors file ({error})") from error
    return SavedNetwork(
        network=stored["network"], arguments=stored["arguments"], about=stored["about"], state_dict=tensors
    )


def plain(value: Any) -> Any:
    """With lists and dictionaries only, as JSON and checkpoints hold them."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value


def with_tuples(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Constructor arguments out of a file that knows lists but no tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in arguments.items()}


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _card_head(about: Mapping[str, Any], *, licence: str) -> str:
    """The YAML that hubs read: licence, library, pipeline, tags. One that is no SPDX name goes under its own key."""
    lines = ["---"]
    if licence:
        spdx = licence.lower() if " " not in licence else "other"
        lines.append(f"license: {spdx}")
        if spdx == "other":
            lines.append(f"license_name: {json.dumps(licence, ensure_ascii=False)}")
    tags = ["htnet", "pytorch", "medical"]
    tags += {"palsy": ["facial-palsy", "house-brackmann"], "microexpression": ["micro-expression"]}.get(
        str(about.get("task")), []
    )
    lines += [
        "library_name: htnet-clinical",
        "pipeline_tag: image-classification",
        "tags:",
        *(f"- {tag}" for tag in tags),
    ]
    return "\n".join([*lines, "---", "", ""])


def _card_text(name: str, arguments: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    labels = ", ".join(map(str, about.get("labels", ()))) or "not recorded"
    training_data = json.dumps(about.get("training_data") or "not recorded", ensure_ascii=False)
    validation = about.get("metrics", {}).get("validation", {})
    figures = [f"| {key} | {value:.4g} |" for key, value in validation.items() if isinstance(value, int | float)]
    lines = [
        f"# {name}",
        "",
        "- **Research only; not a medical device.**",
        f"- Task: {about.get('task', 'not recorded')}. Classes, in order: {labels}.",
        f"- Training data: {training_data}",
        "- Arguments: " + ", ".join(f"`{key}={value}`" for key, value in arguments.items()),
        "",
        "```python",
        f"from model_training import {name}",
        "",
        f'model = {name}.from_pretrained("path/to/this/folder")',
        "```",
        "",
    ]
    if figures:
        lines += [
            "| figure on the validation people, by which the epoch was chosen | value |",
            "|---|---|",
            *figures,
            "",
        ]
    return "\n".join(lines)
