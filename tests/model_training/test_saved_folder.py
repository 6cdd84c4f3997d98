"""Networks as folders that are shared, and `load`, which reads them, checkpoints and bundles alike."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from model_training import HTNet, HTNetEnhanced, load
from model_training.errors import TrainingError
from model_training.training.checkpoint import load_checkpoint, load_weights

SHIPPED = Path(__file__).parents[2] / "models"
SMALL = {"image_size": 28, "dim": 8, "heads": 2, "block_repeats": (1, 1, 1)}


def saved(folder: Path, **about: object) -> HTNet:
    torch.manual_seed(0)
    network = HTNet(**SMALL).eval()
    network.about = about
    network.save_pretrained(folder)
    return network


def test_a_network_comes_back_with_the_same_answers(tmp_path):
    network = saved(tmp_path)
    images = torch.rand(2, 3, 28, 28)
    for again in (HTNet.from_pretrained(tmp_path), load(tmp_path)):
        assert again.config == network.config
        torch.testing.assert_close(again(images), network(images), rtol=0, atol=0)


def test_the_shipped_bundle_is_loaded_saved_and_usable_as_a_checkpoint(tmp_path):
    network = load(SHIPPED / "palsy")
    assert isinstance(network, HTNetEnhanced)
    folder = network.save_pretrained(tmp_path / "shared")
    bundled, shared = load_checkpoint(SHIPPED / "palsy"), load_checkpoint(folder)
    assert (shared.task, shared.network, shared.labels) == (bundled.task, bundled.network, bundled.labels)
    assert shared.preprocessing == bundled.preprocessing
    assert shared.calibration == bundled.calibration
    assert all(torch.equal(shared.state_dict[name], value) for name, value in bundled.state_dict.items())


def test_the_card_begins_with_what_a_hub_reads(tmp_path):
    network = HTNet(**SMALL)
    network.about = {"task": "microexpression", "labels": ["negative", "positive"], "licence": "Apache-2.0"}
    network.save_pretrained(tmp_path / "open")
    network.save_pretrained(tmp_path / "closed", licence="research only", card="# Ours\n")
    _, head, text = (tmp_path / "open/README.md").read_text(encoding="utf-8").split("---\n", 2)
    read = yaml.safe_load(head)
    assert (read["license"], read["library_name"]) == ("apache-2.0", "htnet-clinical")
    assert "micro-expression" in read["tags"]
    assert "Classes, in order: negative, positive." in text
    _, head, text = (tmp_path / "closed/README.md").read_text(encoding="utf-8").split("---\n", 2)
    assert yaml.safe_load(head)["license_name"] == "research only"
    assert text.strip() == "# Ours"


def test_weights_of_another_folder_are_refused(tmp_path):
    saved(tmp_path / "a")
    torch.manual_seed(1)
    HTNet(**SMALL).save_pretrained(tmp_path / "b")
    (tmp_path / "b/model.safetensors").replace(tmp_path / "a/model.safetensors")
    with pytest.raises(TrainingError, match="damaged or of another model"):
        load(tmp_path / "a")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"network": "Resnet"}, "holds 'Resnet'; there are HTNet, HTNetEnhanced"),
        ({"network": "HTNetEnhanced"}, r"arguments: .*unexpected keyword argument 'lean'"),
        ({"format": 9}, "format 9, this version reads 1"),
        ({"arguments": {**SMALL, "dimm": 3}}, "dimm"),
        ({"arguments": {**SMALL, "dim": 16}}, "the weights do not fit the configuration"),
        ({"about": 3}, "not written by save_pretrained, it lacks about"),
    ],
)
def test_a_folder_that_says_something_else_is_refused_by_name(tmp_path, change, complaint):
    saved(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    (tmp_path / "config.json").write_text(json.dumps({**config, **change}), encoding="utf-8")
    with pytest.raises(TrainingError, match=complaint):
        load(tmp_path)


def test_a_class_reads_only_its_own_folders(tmp_path):
    saved(tmp_path)
    with pytest.raises(TrainingError, match=r"holds HTNet, not HTNetEnhanced; call HTNet\.from_pretrained"):
        HTNetEnhanced.from_pretrained(tmp_path)
    with pytest.raises(TrainingError, match=r"no folder with config\.json and model\.safetensors"):
        HTNet.from_pretrained(tmp_path / "nowhere")


def test_an_untrained_network_gives_its_weights_but_is_no_checkpoint(tmp_path):
    network = saved(tmp_path)
    assert load_weights(tmp_path).keys() == network.state_dict().keys()
    with pytest.raises(TrainingError, match=r"whose task, labels, preprocessing nobody wrote down"):
        load_checkpoint(tmp_path)


def test_the_package_is_imported_without_torch():
    code = "import model_training, sys; assert 'HTNet' in model_training.__all__; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
