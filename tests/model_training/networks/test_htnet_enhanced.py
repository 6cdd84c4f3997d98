"""HTNetEnhanced: outputs, switches, mirror equivariance."""

import time

import pytest
import torch
import torch.nn.functional as F

from face.vocabulary import REGIONS_OF_INTEREST
from model_training.networks.htnet_enhanced import HTNetEnhanced
from model_training.networks.palsy_heads import class_logits, class_probabilities, ordered_logits
from tests.model_training.networks.made_inputs import faces, mosaics

MIRRORED_ROI = [REGIONS_OF_INTEREST.index(name) for name in ("forehead", "right_eye", "nose", "left_eye", "mouth")]


def make(**overrides):
    torch.manual_seed(0)
    arguments = {
        "image_size": 112,
        "patch_size": 7,
        "dim": 8,
        "heads": 2,
        "num_hierarchies": 3,
        "block_repeats": (1, 1, 1),
        "in_channels": 1,
        "use_geometry": True,
        "head_dim": 16,
    }
    model = HTNetEnhanced(**{**arguments, **overrides})
    if model.geometry_branch is not None:
        model.fit_geometry(faces(40))
    # Fresh gates and biases are zero or constant; a test of symmetry needs weights that could break it.
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model


def test_the_interface_researchers_are_used_to():
    model = HTNetEnhanced(
        image_size=224,
        patch_size=7,
        num_classes=6,
        dim=16,
        heads=4,
        num_hierarchies=3,
        block_repeats=(1, 1, 1),
        use_diagonal_attn=True,
        use_roi=True,
    )
    images, grades = torch.rand(2, 3, 224, 224), torch.tensor([0, 5])
    assert model(images).argmax(1).shape == (2,)
    F.cross_entropy(model(images), grades).backward()
    logits, roi_maps = model(images, return_roi_maps=True)
    assert (logits.shape, roi_maps.shape) == ((2, 6), (2, 5, 32, 32))
    outputs = model.forward_all(images)
    torch.testing.assert_close(logits.exp(), class_probabilities(outputs["grade_logits"]))
    assert {name: tuple(value.shape) for name, value in outputs.items()} == {
        "grade_logits": (2, 5),
        "side_logits": (2, 3),
        "regional_asymmetry": (2, 4),
        "asymmetry_map": (2, 32, 32),
    }
    assert model.forward_all(images, return_roi_maps=True)["roi_maps"].shape == (2, 5, 32, 32)


def test_class_logits_lose_nothing_where_a_class_is_hardly_likely():
    cumulative = torch.tensor([[60.0, 59.0, -40.0], [0.3, 0.3, 0.3]], requires_grad=True)
    logits = class_logits(cumulative)
    assert torch.isfinite(logits).all()
    # In float64: P(1) = s(60) - s(59) = s(-59) - s(-60), which the difference of two ones would lose.
    exact = torch.tensor([-60.0, -59.0], dtype=torch.float64).sigmoid()
    assert logits[0, 0].item() == pytest.approx(-60, abs=1e-3)
    assert logits[0, 1].item() == pytest.approx((exact[1] - exact[0]).log().item(), rel=1e-5)
    assert logits[0, 3].item() == pytest.approx(-40, abs=1e-3)
    F.cross_entropy(logits, torch.tensor([0, 1])).backward()
    assert torch.isfinite(cumulative.grad).all()


def test_a_threshold_clears_what_a_roi_map_shows_below_it():
    model = make(use_geometry=False).eval()
    _, maps = model(mosaics(1), return_roi_maps=True)
    threshold = maps.median().item()
    _, cleared = model(mosaics(1), return_roi_maps=True, roi_threshold=threshold)
    torch.testing.assert_close(cleared, maps * (maps >= threshold))
    with pytest.raises(ValueError, match=r"ROI threshold must be in 0\.\.1, as the maps are, got 2"):
        model(mosaics(1), return_roi_maps=True, roi_threshold=2)


def test_outputs_are_finite_and_in_range():
    outputs = make().eval().forward_all(mosaics(3), faces(3), return_roi_maps=True)
    assert all(torch.isfinite(value).all() for value in outputs.values())
    assert (outputs["asymmetry_map"] >= 0).all()
    for name in ("regional_asymmetry", "roi_maps"):
        assert (outputs[name] >= 0).all()
        assert (outputs[name] <= 1).all()
    assert (outputs["grade_logits"].diff(dim=-1) <= 0).all(), "P(grade > k) must not rise with k"


@pytest.mark.parametrize("geometry", [True, False])
def test_every_weight_learns(geometry):
    model = make(use_geometry=geometry)
    landmarks = faces(4) if geometry else None
    outputs = model.forward_all(mosaics(4), landmarks, return_roi_maps=True)
    sum((value * torch.randn_like(value)).sum() for value in outputs.values()).backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


@pytest.mark.parametrize(
    "switches",
    [
        {},
        {"use_geometry": False},
        {"use_roi": False},
        {"use_diagonal_attn": False},
        {"use_images": False},
        {"use_roi": False, "use_diagonal_attn": False, "use_geometry": False},
        {"in_channels": 3},
        {"num_classes": 3},
        {"geometry_symmetric_gain": 0.0, "geometry_share": 1.0},
        {"mirror_window": 5},
        {"closeups": ("eye", "mouth"), "closeup_share": 0.9},
    ],
)
def test_mirrored_photograph_gets_the_mirrored_answer(switches):
    model = make(**switches).eval()
    images = mosaics(3, channels=model.config["in_channels"])
    landmarks = faces(3, seed=2) if model.geometry_branch is not None else None
    mirrored_landmarks = model.geometry_branch.mirrored(landmarks) if landmarks is not None else None
    has_roi = model.config["use_roi"] and model.config["use_images"]
    with torch.no_grad():
        answer = model.forward_all(images, landmarks, return_roi_maps=has_roi)
        mirrored = model.forward_all(images.flip(-1), mirrored_landmarks, return_roi_maps=has_roi)
    for name in ("grade_logits", "regional_asymmetry"):
        torch.testing.assert_close(mirrored[name], answer[name], rtol=0, atol=1e-5)
    torch.testing.assert_close(mirrored["side_logits"][:, [1, 0, 2]], answer["side_logits"], rtol=0, atol=1e-5)
    torch.testing.assert_close(mirrored["asymmetry_map"].flip(-1), answer["asymmetry_map"], rtol=0, atol=1e-5)
    if has_roi:
        torch.testing.assert_close(
            mirrored["roi_maps"].flip(-1)[:, MIRRORED_ROI], answer["roi_maps"], rtol=0, atol=1e-5
        )
    if landmarks is not None:
        torch.testing.assert_close(mirrored["ood_score"], answer["ood_score"])
    side = answer["side_logits"]
    assert (side[:, 0] - side[:, 1]).abs().max() > 1e-4, (
        "a network that never takes sides would pass for the wrong reason"
    )


def test_a_symmetric_image_has_no_side_and_no_heat():
    model = make(use_geometry=False).eval()
    half = mosaics(2)[..., :56]
    outputs = model.forward_all(torch.cat((half, half.flip(-1)), dim=-1))
    assert outputs["asymmetry_map"].abs().max() < 1e-6
    torch.testing.assert_close(outputs["side_logits"][:, 0], outputs["side_logits"][:, 1])


def test_heat_lies_where_one_half_was_changed():
    model = make(use_geometry=False, use_diagonal_attn=False, dim=16).eval()
    half = mosaics(1, seed=3)[..., :56]
    image = torch.cat((half, half.flip(-1)), dim=-1)
    image[..., 84:112, 84:112] = 255 - image[..., 84:112, 84:112]  # lower corner of the patient's left half
    heat = model.forward_all(image)["asymmetry_map"][0]
    changed = torch.zeros(16, 16, dtype=torch.bool)
    changed[12:, 12:] = changed[12:, :4] = True  # and its mirror partner
    assert heat[changed].mean() > 3 * heat[~changed].mean()


def test_switches_take_modules_out():
    full = sum(p.numel() for p in make().parameters())
    for switch in ("use_images", "use_diagonal_attn", "use_roi", "use_geometry"):
        assert sum(p.numel() for p in make(**{switch: False}).parameters()) < full
    with pytest.raises(ValueError, match="no ROI attention"):
        make(use_roi=False, use_geometry=False)(mosaics(1), return_roi_maps=True)
    with pytest.raises(ValueError, match="no input"):
        make(use_images=False, use_geometry=False)


def test_training_close_ups_alone_leaves_the_rest_as_it_is():
    model = make(closeups=("eye", "mouth"), closeups_alone=True, closeup_share=0.3, dropout=0.5)
    images, landmarks = mosaics(4), faces(4)
    rest = [name for name in model.state_dict() if not name.startswith("closeup")]
    before = {name: model.state_dict()[name].clone() for name in rest}
    optimiser = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    outputs = model.train().forward_all(images, landmarks)
    assert set(outputs) == {"grade_logits", "side_logits", "regional_asymmetry", "movement_logits"}
    sum(values.sum() for values in outputs.values()).backward()
    optimiser.step()
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items())
    assert all(p.grad is not None for p in (*model.closeups.parameters(), *model.closeup_head.parameters()))

    answer = model.eval().forward_all(images, landmarks, return_branches=True)
    plain = make()
    plain.load_state_dict({name: before[name] for name in rest})
    expected = 0.7 * plain.eval().forward_all(images, landmarks)["side_logits"] + 0.3 * answer["closeup_side_logits"]
    torch.testing.assert_close(answer["side_logits"], expected)


def test_close_ups_that_cannot_be_are_named():
    with pytest.raises(ValueError, match="unknown close-up 'ear': choose of brow, eye, mouth"):
        make(closeups=("ear",))
    with pytest.raises(ValueError, match="use_images is False"):
        make(closeups=("eye",), use_images=False)
    with pytest.raises(ValueError, match="closeups_alone"):
        make(closeups_alone=True)


def test_missing_or_unexpected_inputs_are_named():
    with pytest.raises(ValueError, match="landmarks"):
        make()(mosaics(1))
    with pytest.raises(ValueError, match="no geometry branch"):
        make(use_geometry=False)(mosaics(1), faces(1))
    with pytest.raises(ValueError, match=r"\(N, 1, 112, 112\), got \(1, 3, 112, 112\)"):
        make(use_geometry=False)(mosaics(1, channels=3))
    with pytest.raises(ValueError, match="image_size 105"):
        make(image_size=105)
    unfitted = HTNetEnhanced(dim=8, heads=2, block_repeats=(1, 1, 1), use_geometry=True)
    with pytest.raises(RuntimeError, match="fit_geometry"):
        unfitted(torch.rand(1, 3, 224, 224), faces(1))


def test_a_checkpoint_rebuilds_the_network_with_its_fitted_geometry():
    model = make(geometry_share=0.25).eval()
    again = HTNetEnhanced(**model.config)
    again.load_state_dict(model.state_dict())
    torch.testing.assert_close(again.eval().forward_all(mosaics(2), faces(2)), model.forward_all(mosaics(2), faces(2)))


def test_geometry_share_mixes_the_two_heads():
    for share in (0.0, 0.3, 1.0):
        model = make(geometry_share=share).eval()
        outputs = model.forward_all(mosaics(2), faces(2), return_branches=True)
        expected = (1 - share) * outputs["fused_grade_logits"] + share * outputs["geometry_grade_logits"]
        torch.testing.assert_close(outputs["grade_logits"], expected)


def test_modality_dropout_hides_one_input_in_training_only():
    model = make(modality_dropout=0.5)
    features = model.train().forward_features(mosaics(64), faces(64))
    fused = model._fused_vector(features)
    image_hidden = (fused[..., :16] == 0).all(dim=(1, 2))
    geometry_hidden = (fused[..., 16:] == 0).all(dim=(1, 2))
    assert (image_hidden ^ geometry_hidden).all(), "at 0.5 each sample loses exactly one of them"
    assert 10 < image_hidden.sum() < 54
    model.eval()
    torch.testing.assert_close(model._fused_vector(features)[..., :16], features["image_vector"])


def test_ordinal_helpers():
    logits = ordered_logits(torch.randn(50, 5) * 3)
    probabilities = class_probabilities(logits)
    assert (probabilities >= 0).all()
    torch.testing.assert_close(probabilities.sum(-1), torch.ones(50))
    expected = 1 + logits.sigmoid().sum(dim=-1)
    torch.testing.assert_close(probabilities @ torch.arange(1.0, 7.0), expected)


def test_the_tiny_size_is_tiny():
    model = HTNetEnhanced.from_size("tiny", in_channels=1, use_geometry=True)
    assert sum(p.numel() for p in model.parameters()) < 2.5e6
    model.fit_geometry(faces(40))
    images, landmarks = mosaics(8, size=224), faces(8)
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        outputs = model.forward_all(images, landmarks, return_roi_maps=True)
        sum(value.mean() for value in outputs.values()).backward()
        best = min(best, time.process_time() - start)
    assert best / 8 < 0.25, "ten times what a quiet core needs: catches a change of cost, not a busy machine"
