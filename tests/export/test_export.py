"""Checkpoint -> bundle on real networks: parity through the service's session, no traces of the machine, nothing half
written."""

import json
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

import export.bundle.texts
import export.bundle.writing
from export.__main__ import main
from export.bundle.metadata import read_metadata
from export.bundle.texts import few_figures
from export.checkpoint_bundle import export_checkpoint
from export.errors import ExportError
from export.graphs.networks import EmotionGraph, PalsyGraph
from export.graphs.parity import check, compare, network_answers
from face.microexpression.spec import MicroExpressionSpec
from face.palsy.input import PalsyInputSpec
from face.vocabulary import VISIBLE_REGIONS
from model_training.microexpression.folded.network import FoldedConfig, init_weights
from model_training.microexpression.folded.training import TrainingConfig, predict
from model_training.networks.build import restore
from model_training.networks.htnet import HTNet
from model_training.networks.htnet_enhanced import HTNetEnhanced
from model_training.palsy.visibility.network import SeenMap
from model_training.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from service.inference.bundle import load_bundle
from service.inference.session import open_session

PALSY_CALIBRATION = {
    "grade_temperature": 1.2,
    "side_temperature": 1.0,
    "conformal_threshold": 0.8,
    "coverage": 0.9,
}
HTNET = {"image_size": 28, "patch_size": 7, "num_classes": 3, "dim": 8, "heads": 2, "num_hierarchies": 3,
         "block_repeats": (1, 1, 1), "in_channels": 3}  # fmt: skip


def palsy_network(**overrides) -> HTNetEnhanced:
    torch.manual_seed(0)
    arguments = {"dim": 8, "heads": 2, "block_repeats": (1, 1, 1), "in_channels": 1, "use_geometry": True}
    network = HTNetEnhanced(**{**arguments, **overrides})
    network.fit_geometry(torch.randn(60, 478, 3))
    return network.eval()


def palsy_checkpoint(path: Path, *, labels=("I", "II", "III", "IV", "V", "VI"), **changes) -> Path:
    network = palsy_network(num_classes=len(labels), **changes.pop("network", {}))
    spec = PalsyInputSpec()
    fields = {
        "task": "palsy",
        "network": "HTNetEnhanced",
        "config": {"model": {"name": "HTNetEnhanced", **network.config, "block_repeats": [1, 1, 1]}},
        "labels": labels,
        "preprocessing": {"kind": "palsy", "spec": spec.to_dict(), "fingerprint": spec.fingerprint()},
        "state_dict": network.state_dict(),
        "calibration": PALSY_CALIBRATION,
        "metrics": {"kappa": 0.5, "groups": {"smile": {"kappa": 0.6}}},
        "training_data": {"datasets": ["simulated"]},
    }
    save_checkpoint(Checkpoint(**{**fields, **changes}), path)
    return path


def emotion_checkpoint(path: Path, seed: int = 0, **changes) -> Path:
    torch.manual_seed(seed)
    spec = MicroExpressionSpec()
    fields = {
        "task": "microexpression",
        "network": "HTNet",
        "config": {"model": {"name": "HTNet", **HTNET, "block_repeats": [1, 1, 1]}},
        "labels": ("negative", "positive", "surprise"),
        "preprocessing": {"kind": "flow", "spec": spec.to_dict(), "fingerprint": spec.fingerprint()},
        "state_dict": HTNet(**HTNET).state_dict(),
        "calibration": {"temperature": 1.1},
        "metrics": {"uf1": 0.7},
    }
    save_checkpoint(Checkpoint(**{**fields, **changes}), path)
    return path


@pytest.fixture(scope="module")
def palsy_bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("palsy")
    report = export_checkpoint([palsy_checkpoint(folder / "best.pt")], folder / "bundle")
    return report, folder


def test_the_bundle_is_what_the_service_loads(palsy_bundle):
    report, folder = palsy_bundle
    bundle = load_bundle(folder / "bundle")
    assert bundle.manifest.task == "palsy"
    assert bundle.manifest.default_variant == "int8"
    assert bundle.manifest.metrics["kappa"] == 0.5
    assert bundle.metrics["groups"]["smile"]["kappa"] == 0.6
    assert "groups / smile / kappa | 0.6" in bundle.model_card
    assert sorted(p.name for p in (folder / "bundle").iterdir()) == sorted(
        ["model.onnx", "model.int8.onnx", "checkpoint.pt", "manifest.json", "metrics.json", "MODEL_CARD.md"]
    )
    assert (folder / "bundle" / "checkpoint.pt").read_bytes() == (folder / "best.pt").read_bytes()
    assert not [p for p in folder.iterdir() if p.name.startswith(".")], "nothing is left beside the bundle"
    assert report.bytes["model.onnx"] == (folder / "bundle" / "model.onnx").stat().st_size


@pytest.mark.parametrize(
    ("metrics", "shown"),
    [
        ({"all": {"samples": 9, "figures": {"kappa": 0.8}}, "note": "Intervals: ..."}, {"kappa": 0.8}),
        ({"epoch": 3, "validation": {"kappa": 0.7}}, {"epoch": 3, "validation_kappa": 0.7}),
    ],
    ids=["evaluate", "checkpoint"],
)
def test_the_manifest_shows_the_main_figures(metrics, shown):
    assert few_figures(metrics) == shown


def test_onnx_runtime_answers_as_torch_does(palsy_bundle):
    report, folder = palsy_bundle
    assert report.parity.worst < 1e-3
    network = palsy_network()
    graph = PalsyGraph(network)
    inputs = graph.example_inputs(3, seed=5)
    with torch.no_grad():
        expected = graph(*inputs.values())
    bundle = load_bundle(folder / "bundle")
    arrays = {name: value.numpy() for name, value in inputs.items()}
    answer = open_session(bundle, variant="float32").run(arrays)
    for name, value in expected.items():
        np.testing.assert_allclose(answer[name], value.numpy(), atol=1e-3)
    quick = open_session(bundle, variant="int8").run(arrays)
    np.testing.assert_allclose(quick["grade_logits"], expected["grade_logits"].numpy(), atol=0.3)
    np.testing.assert_allclose(quick["ood_score"], expected["ood_score"].numpy(), atol=1e-3)


def test_the_shipped_checkpoint_answers_as_the_shipped_graph():
    shipped = Path(__file__).resolve().parents[2] / "models" / "palsy"
    checkpoint = load_checkpoint(shipped / "checkpoint.pt")
    graph = PalsyGraph(restore(checkpoint.config["model"], checkpoint.state_dict, source="shipped"))
    bundle = load_bundle(shipped)
    assert checkpoint.preprocessing["fingerprint"] == bundle.manifest.input.fingerprint
    assert checkpoint.calibration.items() >= bundle.manifest.calibration.model_dump().items()
    arrays = {name: tensor.numpy() for name, tensor in graph.example_inputs(4).items()}
    check(compare(network_answers(graph, arrays), shipped / "model.onnx", arrays))


def test_an_older_bundle_is_replaced_from_its_own_checkpoint(tmp_path):
    out = tmp_path / "bundle"
    export_checkpoint([palsy_checkpoint(tmp_path / "best.pt")], out, int8=False)
    before = (out / "model.onnx").read_bytes()
    export_checkpoint([out / "checkpoint.pt"], out, int8=False)
    assert (out / "model.onnx").read_bytes() == before
    assert (out / "checkpoint.pt").read_bytes() == (tmp_path / "best.pt").read_bytes()


def test_the_exported_graph_is_mirror_equivariant(palsy_bundle):
    _, folder = palsy_bundle
    network = palsy_network()
    inputs = PalsyGraph(network).example_inputs(2, seed=6)
    mirrored = {
        "images": inputs["images"].flip(-1).contiguous().numpy(),
        "landmarks": network.geometry_branch.mirrored(inputs["landmarks"]).numpy(),
    }
    bundle = load_bundle(folder / "bundle")
    for variant in ("float32", "int8"):
        session = open_session(bundle, variant=variant)
        answer, other = session.run({k: v.numpy() for k, v in inputs.items()}), session.run(mirrored)
        np.testing.assert_allclose(other["grade_logits"], answer["grade_logits"], atol=1e-4)
        np.testing.assert_allclose(other["side_logits"][:, [1, 0, 2]], answer["side_logits"], atol=1e-4)
        np.testing.assert_allclose(other["asymmetry_map"][..., ::-1], answer["asymmetry_map"], atol=1e-4)


def test_no_graph_holds_a_path_or_a_trace_of_the_exporter(palsy_bundle):
    _, folder = palsy_bundle
    for name in ("model.onnx", "model.int8.onnx"):
        data = (folder / "bundle" / name).read_bytes()
        assert not re.search(rb"\.py\b|site-packages|stack_trace|Traceback|/(?:home|tmp|work|root)/", data)
        model = onnx.load_from_string(data)
        assert not [node for node in model.graph.node if node.doc_string or node.metadata_props]
    assert any("geometry_branch" in node.name for node in onnx.load(folder / "bundle" / "model.onnx").graph.node)


def test_int8_leaves_geometry_heads_and_convolutions_alone(palsy_bundle):
    _, folder = palsy_bundle
    model = onnx.load(folder / "bundle" / "model.int8.onnx")
    integer = [node for node in model.graph.node if node.op_type in ("MatMulInteger", "DynamicQuantizeMatMul")]
    assert len(integer) > 10
    assert not [node.name for node in integer if "geometry" in node.name or "head" in node.name]
    assert not [node.name for node in integer if node.name.startswith("/")], "the projections of the landmarks"
    assert {"Conv"} <= {node.op_type for node in model.graph.node}
    assert "ConvInteger" not in {node.op_type for node in model.graph.node}


def test_three_ordered_classes_make_a_bundle_too(tmp_path):
    checkpoint = palsy_checkpoint(tmp_path / "best.pt", labels=("normal", "mild", "severe"))
    export_checkpoint([checkpoint], tmp_path / "bundle", int8=False)
    bundle = load_bundle(tmp_path / "bundle")
    assert bundle.manifest.labels.grades == ("normal", "mild", "severe")
    assert bundle.manifest.output("grade_logits").shape == (2,)
    assert bundle.manifest.default_variant == "float32"


def test_an_emotion_ensemble_averages_members_and_the_mirrored_clip_in_the_graph(tmp_path):
    paths = [emotion_checkpoint(tmp_path / f"{seed}.pt", seed) for seed in (0, 1)]
    export_checkpoint(paths, tmp_path / "bundle", int8=False)
    session = open_session(load_bundle(tmp_path / "bundle"))
    flow = np.random.default_rng(0).integers(0, 256, (4, 3, 28, 28), dtype=np.uint8)
    mirrored = flow[..., ::-1].copy()
    mirrored[:, 0] = 255 - mirrored[:, 0]
    votes = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        member = HTNet(**HTNET).eval()
        with torch.no_grad():
            votes += [member(torch.from_numpy(view)).softmax(-1).numpy() for view in (flow, mirrored)]
    answer = session.run({"flow": flow})["emotion_logits"]
    np.testing.assert_allclose(np.exp(answer), np.mean(votes, axis=0), atol=1e-5)
    np.testing.assert_allclose(session.run({"flow": mirrored})["emotion_logits"], answer, atol=1e-5)
    # Folding leaves no softmax of attention behind: only those of the two members' two votes.
    nodes = [node.op_type for node in onnx.load(tmp_path / "bundle" / "model.onnx").graph.node]
    assert nodes.count("Softmax") == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"calibration": {}}, "no calibration"),
        ({"metrics": {}}, "no metrics"),
        ({"task": "segmentation"}, "segmentation"),
        ({"network": {"use_roi": False}}, "use_roi=False"),
        ({"labels": ("I", "II", "III"), "state_dict": {"a": torch.zeros(1)}}, "do not fit"),
    ],
)
def test_what_cannot_become_a_bundle_is_explained(tmp_path, changes, message):
    checkpoint = palsy_checkpoint(tmp_path / "best.pt", **changes)
    with pytest.raises(ExportError, match=message):
        export_checkpoint([checkpoint], tmp_path / "bundle", int8=False)
    assert not (tmp_path / "bundle").exists()


def test_members_of_an_ensemble_must_agree(tmp_path):
    other = emotion_checkpoint(tmp_path / "b.pt", labels=("a", "b", "c"))
    with pytest.raises(ExportError, match=r"b\.pt.*labels differ"):
        export_checkpoint([emotion_checkpoint(tmp_path / "a.pt"), other], tmp_path / "bundle")


def test_a_failure_leaves_the_old_bundle_and_no_half_one(palsy_bundle, monkeypatch):
    _, folder = palsy_bundle
    before = {p.name: p.read_bytes() for p in (folder / "bundle").iterdir()}

    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export.bundle.writing, "write_graph", full)
    with pytest.raises(ExportError, match="the disk is full"):
        export_checkpoint([folder / "best.pt"], folder / "bundle")
    assert {p.name: p.read_bytes() for p in (folder / "bundle").iterdir()} == before
    assert not [p for p in folder.iterdir() if p.name.startswith(".")]


def test_a_folder_that_is_no_bundle_is_not_replaced(tmp_path):
    (tmp_path / "file").write_text("a file", encoding="utf-8")
    with pytest.raises(ExportError, match="exists and is not a bundle"):
        export_checkpoint([palsy_checkpoint(tmp_path / "best.pt")], tmp_path / "file")
    with pytest.raises(ExportError, match=r"card\.md: cannot be read \(No such file"):
        export_checkpoint([tmp_path / "best.pt"], tmp_path / "bundle", card_file=tmp_path / "card.md")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"x")
    with pytest.raises(ExportError, match="is not a bundle"):
        export_checkpoint([palsy_checkpoint(tmp_path / "best.pt")], tmp_path / "photos")
    assert (tmp_path / "photos" / "a.jpg").exists()


def test_the_command_line_says_what_is_wrong_in_one_message(tmp_path, monkeypatch, capsys):
    (tmp_path / "text.pt").write_text("hello")
    for arguments, message in (
        (["--checkpoint", tmp_path / "none.pt"], "no such checkpoint"),
        (["--checkpoint", tmp_path / "text.pt"], "not a checkpoint"),
        (["--checkpoint", tmp_path / "none.pt", "--default-variant", "int4"], "int4"),
        (["--checkpoint", tmp_path / "none.pt", "--metadata", tmp_path / "text.pt"], "is not valid TOML"),
    ):
        monkeypatch.setattr("sys.argv", ["export", *map(str, arguments), "--out", str(tmp_path / "out")])
        with pytest.raises(SystemExit) as stop:
            main()
        said = capsys.readouterr().err
        assert stop.value.code == 1
        assert message in said
        assert said.startswith("Error: ")
        assert "Traceback" not in said


def test_metadata_names_the_wrong_key(tmp_path):
    path = tmp_path / "meta.toml"
    path.write_text('name = "a"\nversion = "1.0.0"\ndescription = "d"\ntraining_data = "t"\ncolour = "red"\n')
    with pytest.raises(ExportError, match="colour"):
        read_metadata(path)


def test_wrong_examples_and_empty_ensembles_are_refused():
    with pytest.raises(ValueError, match="at least one member"):
        EmotionGraph([])
    assert json.loads(json.dumps(export.bundle.texts._plain({"a": float("nan"), "b": (1, 2)}))) == {
        "a": None,
        "b": [1, 2],
    }


def test_the_flow_ensemble_is_exported_by_the_same_command(tmp_path):
    """A checkpoint of `htnet microexpression reference`, standardised input and flip average included in the graph."""
    config = TrainingConfig(model=FoldedConfig(dim=8, block_repeats=(1, 1, 1)), input="standardised")
    weights = init_weights(config.model, 2, torch.Generator().manual_seed(0))
    spec = MicroExpressionSpec()
    checkpoint = tmp_path / "reference.pt"
    torch.save(
        {
            "config": config.to_dict(),
            "preprocessing": {"spec": spec.to_dict(), "fingerprint": spec.fingerprint()},
            "state_dict": weights,
            "calibration": {"temperature": 1.5},
            "training_data": {"kind": "simulation"},
        },
        checkpoint,
    )
    (tmp_path / "metrics.json").write_text('{"zero_shot_uf1": 0.7}', encoding="utf-8")
    report = export_checkpoint([checkpoint], tmp_path / "bundle", metrics_file=tmp_path / "metrics.json")
    assert report.parity.worst < 1e-3
    images = torch.randint(0, 256, (3, 3, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    answer = open_session(load_bundle(tmp_path / "bundle"), variant="float32").run({"flow": images.numpy()})
    expected = predict(config, weights, images).mean(0).log().numpy()
    np.testing.assert_allclose(answer["emotion_logits"], expected, atol=1e-4)


def test_a_visibility_head_goes_into_the_graph_and_its_weights_into_the_bundle(tmp_path):
    torch.manual_seed(1)
    head = SeenMap(width=4).eval()
    spec = PalsyInputSpec()
    save_checkpoint(
        Checkpoint(
            task="palsy", network="SeenMap", config={"model": {"name": "SeenMap", "width": 4}}, labels=VISIBLE_REGIONS,
            preprocessing={"spec": spec.to_dict(), "fingerprint": spec.fingerprint()}, state_dict=head.state_dict(),
        ),
        tmp_path / "head.pt",
    )  # fmt: skip
    grader = palsy_checkpoint(tmp_path / "best.pt", network={"closeups": ("mouth",)})
    export_checkpoint([grader], tmp_path / "bundle", visibility=tmp_path / "head.pt")
    bundle = load_bundle(tmp_path / "bundle")
    assert bundle.manifest.schema_version == 2
    shapes = {output.name: output.shape for output in bundle.manifest.outputs}
    assert shapes["seen_map"] == (32, 32)
    assert shapes["movement_logits"] == (4,)
    assert {file.file for file in bundle.manifest.weights.values()} == {"checkpoint.pt", "visibility.pt"}
    assert (tmp_path / "bundle/visibility.pt").read_bytes() == (tmp_path / "head.pt").read_bytes()
    inputs = PalsyGraph(palsy_network(closeups=("mouth",)), head).example_inputs(2, seed=4)
    arrays = {name: value.numpy() for name, value in inputs.items()}
    with torch.no_grad():
        expected = head(inputs["images"]).sigmoid().numpy()
    for variant in ("float32", "int8"):
        answer = open_session(bundle, variant=variant).run(arrays)
        np.testing.assert_allclose(answer["seen_map"], expected, atol=1e-4)


def test_a_visibility_head_belongs_to_a_palsy_model_and_is_one(tmp_path):
    grader, emotion = palsy_checkpoint(tmp_path / "best.pt"), emotion_checkpoint(tmp_path / "emotion.pt")
    with pytest.raises(ExportError, match="holds HTNetEnhanced for palsy, not a visibility head"):
        export_checkpoint([grader], tmp_path / "a", visibility=grader)
    with pytest.raises(ExportError, match="belongs to a palsy model, this is microexpression"):
        export_checkpoint([emotion], tmp_path / "b", visibility=grader)
    assert not (tmp_path / "a").exists()
    assert not (tmp_path / "b").exists()
