"""HTNetEnhanced: HTNet with diagonal micro-attention, ROI attention and a geometry branch, for facial palsy.

Data flow: mosaic -> two halves, the left one mirrored, each beside its difference from the other -> standardised
tokens -> shared hierarchical encoder, with mirror attention after its levels -> fused map at the finest level -> ROI
attention -> one vector per half (+ geometry vector) -> heads on even and odd parts. Beside it the geometry has a head
of its own, and the close-ups of brow, eye and mouth have one for each movement; the answer is a mixture of the heads'
logits. The halves meet in the difference, the mirror attention and the heads, and each treats them alike: the mirrored
photograph swaps the halves and so gets the same grade, the other side and mirrored maps, from the same weights and at
the cost of one pass.
"""

from __future__ import annotations

from typing import Any, Literal, overload

import numpy as np
import torch
from torch import Tensor, nn

from model_training.networks.closeups import CloseUp, MovementHead
from model_training.networks.geometry_branch import DisplacementField, GeometryBranch
from model_training.networks.hierarchy import to_unit_range
from model_training.networks.htnet import named_size
from model_training.networks.image_branch import ImageBranch
from model_training.networks.mirror_attention import AsymmetryMap, split_halves
from model_training.networks.palsy_heads import PalsyHead, PalsyLogits, class_logits
from model_training.networks.roi_attention import above_threshold, face_maps
from model_training.saved_folder import SavedInFolder


class HTNetEnhanced(SavedInFolder, nn.Module):
    """Palsy model. ``model(images)`` or ``model(images, landmarks)`` returns class logits (N, num_classes), the
    logarithms of the grades' probabilities: what ``argmax`` and ``cross_entropy`` take. With
    ``return_roi_maps=True`` it returns (class logits, roi_maps). ``model.forward_all`` returns all that
    it says, a dict of tensors:

    grade_logits (N, num_classes - 1) cumulative P(grade > k), never increasing along k; side_logits (N, 3) left,
    right, none (the patient's); regional_asymmetry (N, 4) forehead, eye, nose, mouth in 0..1; asymmetry_map (N, rows,
    columns) >= 0 on the mosaic; with ``return_roi_maps=True`` also roi_maps (N, 5, rows, columns) in 0..1: forehead,
    left eye, nose, right eye, mouth; with the geometry branch also ood_score (N,), about 1 for faces shaped like the
    training faces and higher for others (not trained).

    images: mosaic (N, in_channels, image_size, image_size), uint8, or float already scaled to -1..1.
    landmarks: (N, 478, 3) pose-corrected, needed with ``use_geometry=True`` and only then.

    Switches: ``use_images=False`` leaves the geometry branch alone (for the ablation; no ROI maps then);
    ``use_diagonal_attn``, ``use_roi``, ``use_geometry`` each take one module out; ``closeups`` names the parts of the
    face (`closeups.CLOSEUP_BOXES`) that small convolutional networks look at besides.
    ``geometry_share`` is the weight of the geometry branch's own logits against those of the fused head, in 0..1;
    ``closeup_share`` that of the close-ups' logits against the mixture of both.
    ``geometry_frozen`` keeps the geometry branch and its head as a first stage of training left them (``--init``);
    ``closeups_alone`` makes training run nothing but the close-ups and their head, and all else stay as it is.
    ``modality_dropout`` is the chance that training hides the image, and as often the geometry, of a sample from the
    fused head.
    """

    def __init__(
        self,
        *,
        image_size: int = 224,
        patch_size: int = 7,
        num_classes: int = 6,
        dim: int = 256,
        heads: int = 4,
        num_hierarchies: int = 3,
        block_repeats: tuple[int, ...] = (2, 2, 10),
        in_channels: int = 3,
        dropout: float = 0.0,
        use_images: bool = True,
        use_diagonal_attn: bool = True,
        use_roi: bool = True,
        use_geometry: bool = False,
        mirror_window: int = 3,
        geometry_components: int = 12,
        geometry_symmetric_components: int | None = None,
        geometry_symmetric_gain: float = 0.3,
        geometry_symmetric_noise: float = 0.0,
        geometry_noise: float = 0.0,
        geometry_frozen: bool = False,
        geometry_share: float = 0.5,
        modality_dropout: float = 0.0,
        closeups: tuple[str, ...] = (),
        closeup_share: float = 0.5,
        closeups_alone: bool = False,
        head_dim: int = 64,
    ) -> None:
        super().__init__()
        block_repeats, closeups = tuple(block_repeats), tuple(closeups)
        self.config: dict[str, Any] = {
            "image_size": image_size, "patch_size": patch_size, "num_classes": num_classes, "dim": dim, "heads": heads,
            "num_hierarchies": num_hierarchies, "block_repeats": block_repeats, "in_channels": in_channels, "dropout":
            dropout, "use_images": use_images, "use_diagonal_attn": use_diagonal_attn, "use_roi": use_roi,
            "use_geometry": use_geometry, "mirror_window": mirror_window, "geometry_components": geometry_components,
            "geometry_symmetric_components": geometry_symmetric_components,
            "geometry_symmetric_gain": geometry_symmetric_gain, "geometry_share": geometry_share,
            "geometry_symmetric_noise": geometry_symmetric_noise, "geometry_noise": geometry_noise,
            "geometry_frozen": geometry_frozen,
            "modality_dropout": modality_dropout, "closeups": closeups, "closeup_share": closeup_share,
            "closeups_alone": closeups_alone, "head_dim": head_dim,
        }  # fmt: skip
        for name, size in (("image_size", image_size), ("patch_size", patch_size), ("head_dim", head_dim)):
            if size < 1:
                raise ValueError(f"{name} must be positive, got {size}")
        if len(block_repeats) != num_hierarchies:
            raise ValueError(f"block_repeats {block_repeats} must have num_hierarchies={num_hierarchies} entries")
        if num_classes < 2:
            raise ValueError(f"num_classes must be at least 2, got {num_classes}")
        if not (use_images or use_geometry):
            raise ValueError("use_images and use_geometry are both False: the network would have no input")
        for name, share in (("geometry_share", geometry_share), ("closeup_share", closeup_share)):
            if not 0 <= share <= 1:
                raise ValueError(f"{name} must be in 0..1, got {share}")
        if closeups and not use_images:
            raise ValueError(f"closeups {closeups} look at images, but use_images is False")
        if closeups_alone and not closeups:
            raise ValueError("closeups_alone=True, but there are no closeups")
        if not 0 <= modality_dropout <= 0.5:
            raise ValueError(f"modality_dropout must be in 0..0.5, got {modality_dropout}")
        if image_size % (2 * patch_size):
            raise ValueError(
                f"image_size {image_size} must hold an even number of patches of {patch_size}, one half each side"
            )
        self.rows, self.half_columns = image_size // patch_size, image_size // patch_size // 2
        self.modality_dropout = modality_dropout
        # Plain numbers, not parameters: they are chosen on validation photographs.
        self.geometry_share, self.closeup_share = geometry_share, closeup_share

        self.image_branch = (
            ImageBranch(
                image_size=image_size, patch_size=patch_size, dim=dim, heads=heads, block_repeats=block_repeats,
                in_channels=in_channels, dropout=dropout, use_diagonal_attn=use_diagonal_attn, use_roi=use_roi,
                mirror_window=mirror_window, out_dim=head_dim,
            )
            if use_images
            else None
        )  # fmt: skip
        self.geometry_branch = (
            GeometryBranch(
                out_dim=head_dim,
                components=geometry_components,
                symmetric_components=geometry_symmetric_components,
                symmetric_gain=geometry_symmetric_gain,
                symmetric_noise=geometry_symmetric_noise,
                noise=geometry_noise,
                dropout=dropout,
            )
            if use_geometry
            else None
        )
        self.displacement = (
            DisplacementField(components=geometry_components, rows=self.rows, columns=self.half_columns)
            if use_geometry
            else None
        )
        fused_dim = head_dim * (int(use_images) + int(use_geometry))
        self.asymmetry_map = AsymmetryMap(
            dim=dim if use_images else head_dim, face_dim=fused_dim, rows=self.rows, columns=self.half_columns
        )
        self.fused_head = (
            PalsyHead(in_dim=fused_dim, num_classes=num_classes, hidden_dim=head_dim, dropout=dropout)
            if use_images
            else None
        )
        self.geometry_head = (
            PalsyHead(in_dim=head_dim, num_classes=num_classes, hidden_dim=head_dim, dropout=dropout)
            if use_geometry
            else None
        )

        self.closeups = nn.ModuleDict(
            {part: CloseUp(part=part, in_channels=in_channels, out_dim=head_dim, dropout=dropout) for part in closeups}
        )
        self.closeup_head = (
            MovementHead(in_dim=head_dim * len(closeups), num_classes=num_classes, hidden_dim=head_dim, dropout=dropout)
            if closeups
            else None
        )
        if closeups_alone:
            for name, parameter in self.named_parameters():
                parameter.requires_grad_(name.startswith("closeup"))
        if geometry_frozen:
            # The branch was trained before, on more people and with more passes than the image branch can have.
            for module in (self.geometry_branch, self.geometry_head):
                if module is None:
                    raise ValueError("geometry_frozen=True needs use_geometry=True")
                module.requires_grad_(False)

    @classmethod
    def from_size(cls, name: str, **overrides: Any) -> HTNetEnhanced:
        """A named size (tiny, small, base), e.g. ``HTNetEnhanced.from_size("tiny", in_channels=1,
        use_geometry=True)``."""
        return cls(**{**named_size(name), **overrides})

    def fit_geometry(self, landmarks: np.ndarray | Tensor) -> dict[str, float]:
        """Sets the fixed principal components from the training faces (N, 478, 3); see GeometryBranch.fit."""
        if self.geometry_branch is None:
            raise ValueError("this network has no geometry branch (use_geometry=False)")
        return self.geometry_branch.fit(landmarks)

    def forward_features(self, images: Tensor | None, landmarks: Tensor | None = None) -> dict[str, Tensor]:
        """Features before the heads, each where its module is switched on.

        image_vector and geometry_vector (N, 2, head_dim), closeup_vector (N, 2, parts * head_dim), fused_map (N, 2,
        rows, columns, dim), roi_maps (N, 2, rows, columns, 5), displacement (N, rows, columns, 3).
        """
        features: dict[str, Tensor] = {}
        if self.geometry_branch is not None and self.displacement is not None:
            if landmarks is None:
                raise ValueError(
                    "this network has a geometry branch: call model(images, landmarks) with (N, 478, 3) landmarks"
                )
            symmetric, antisymmetric = self.geometry_branch.coefficients(landmarks)
            features["geometry_vector"] = self.geometry_branch(symmetric, antisymmetric)
            features["displacement"] = self.displacement(antisymmetric)
            features["ood_score"] = self.geometry_branch.unlikeness(landmarks)
        elif landmarks is not None:
            raise ValueError("landmarks were given, but this network has no geometry branch (use_geometry=False)")
        if self.image_branch is not None:
            halves = self._halves(images)
            features |= self.image_branch(halves)
            if self.closeups:
                features["closeup_vector"] = self._closeup_vector(halves)
        return features

    def forward_head(self, features: dict[str, Tensor], *, return_branches: bool = False) -> dict[str, Tensor]:
        """Features -> the outputs of the class docstring (roi_maps where there are any).

        ``return_branches=True`` adds the logits of each head as fused_grade_logits, geometry_side_logits,
        ..._regional_logits, for a loss on each; with close-ups also movement_logits (N, len(closeups.MOVEMENTS)).
        """
        mixed, branches = self.head_logits(features)
        vectors = [features[name] for name in ("image_vector", "geometry_vector") if name in features]
        fine = features.get("fused_map")
        if fine is None:  # geometry alone: the map's gate reads the geometry vector, the same at every position
            vector = features["geometry_vector"][:, :, None, None]
            fine = vector.expand(-1, -1, self.rows, self.half_columns, -1)
        outputs = mixed.outputs()
        outputs["asymmetry_map"] = self.asymmetry_map(fine, torch.cat(vectors, dim=-1), features.get("displacement"))
        if "ood_score" in features:
            outputs["ood_score"] = features["ood_score"]
        if "roi_maps" in features:
            outputs["roi_maps"] = face_maps(features["roi_maps"])
        return outputs | branches if return_branches else outputs

    def head_logits(self, features: dict[str, Tensor]) -> tuple[PalsyLogits, dict[str, Tensor]]:
        """Of `forward_features` the vectors alone -> the answer, and the logits of each head as `forward_head` names
        them."""
        heads: dict[str, PalsyLogits] = {}
        branches: dict[str, Tensor] = {}
        if self.fused_head is not None:
            heads["fused"] = self.fused_head(self._fused_vector(features))
        if self.geometry_head is not None:
            heads["geometry"] = self.geometry_head(features["geometry_vector"])
        if len(heads) == 2:
            mixed = heads["fused"].mixed_with(heads["geometry"], share=self.geometry_share)
        else:
            (mixed,) = heads.values()
        if self.closeup_head is not None:
            heads["closeup"], branches["movement_logits"] = self.closeup_head(features["closeup_vector"])
            mixed = mixed.mixed_with(heads["closeup"], share=self.closeup_share)
        for name, logits in heads.items():
            branches |= {f"{name}_{field}_logits": value for field, value in logits._asdict().items()}
        return mixed, branches

    def _halves(self, images: Tensor | None) -> Tensor:
        """The mosaic as both halves in -1..1. ValueError for images that are missing or of another shape."""
        if images is None:
            raise ValueError("this network looks at images: call model(images, ...)")
        size, channels = self.config["image_size"], self.config["in_channels"]
        if images.shape[1:] != (channels, size, size):
            raise ValueError(f"images must be (N, {channels}, {size}, {size}), got {tuple(images.shape)}")
        return split_halves(to_unit_range(images))

    def _closeup_vector(self, halves: Tensor) -> Tensor:
        return torch.cat([look(halves) for look in self.closeups.values()], dim=-1)

    def _fused_vector(self, features: dict[str, Tensor]) -> Tensor:
        image, geometry = features["image_vector"], features.get("geometry_vector")
        if geometry is None:
            return image
        if self.training and self.modality_dropout > 0:
            draw = torch.rand(len(image), 1, 1, device=image.device)
            image = image * (draw >= self.modality_dropout)
            geometry = geometry * (draw <= 1 - self.modality_dropout)
        return torch.cat((image, geometry), dim=-1)

    def forward_all(
        self,
        images: Tensor | None,
        landmarks: Tensor | None = None,
        *,
        return_roi_maps: bool = False,
        return_branches: bool = False,
    ) -> dict[str, Tensor]:
        """The outputs of the class; return_branches as in `forward_head`. ValueError for an input that is missing or
        not taken."""
        if self.training and self.config["closeups_alone"] and self.closeup_head is not None:
            answer, movement = self.closeup_head(self._closeup_vector(self._halves(images)))
            return {**answer.outputs(), "movement_logits": movement}
        outputs = self.forward_head(self.forward_features(images, landmarks), return_branches=return_branches)
        if return_roi_maps and "roi_maps" not in outputs:
            raise ValueError(
                "return_roi_maps=True, but this network has no ROI attention (use_roi=False or use_images=False)"
            )
        if not return_roi_maps:
            outputs.pop("roi_maps", None)
        return outputs

    @overload
    def forward(self, images: Tensor | None, landmarks: Tensor | None = None) -> Tensor: ...

    @overload
    def forward(
        self,
        images: Tensor | None,
        landmarks: Tensor | None = None,
        *,
        return_roi_maps: bool,
        roi_threshold: float = 0.0,
    ) -> Tensor | tuple[Tensor, Tensor]: ...

    @overload
    def forward(
        self,
        images: Tensor | None,
        landmarks: Tensor | None = None,
        *,
        all_outputs: Literal[True],
        return_roi_maps: bool = False,
        return_branches: bool = False,
    ) -> dict[str, Tensor]: ...

    def forward(
        self,
        images: Tensor | None,
        landmarks: Tensor | None = None,
        *,
        return_roi_maps: bool = False,
        roi_threshold: float = 0.0,
        all_outputs: bool = False,
        return_branches: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor] | dict[str, Tensor]:
        """See the class. roi_threshold: what a ROI map shows below it becomes 0; in 0..1. all_outputs: what
        `forward_all` returns, for wrappers of the network that know only `forward` (distributed, compiled)."""
        if all_outputs:
            return self.forward_all(images, landmarks, return_roi_maps=return_roi_maps, return_branches=return_branches)
        outputs = self.forward_all(images, landmarks, return_roi_maps=return_roi_maps)
        logits = class_logits(outputs["grade_logits"])
        if not return_roi_maps:
            return logits
        return logits, above_threshold(outputs["roi_maps"], roi_threshold)
