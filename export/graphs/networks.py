"""From trained weights to the network that is exported: named outputs, ensembles and flip averaging inside the
graph."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from export.errors import ExportError
from face.palsy.assessment.session_model import OUTPUTS as SESSION_OUTPUTS
from face.palsy.assessment.session_model import SessionInputSpec
from face.palsy.reading import MOVEMENT_OUTPUT
from face.palsy.visibility import SEEN_MAP_OUTPUT
from face.vocabulary import HOUSE_BRACKMANN, POSES
from model_training.networks.htnet import fold_single_token_attention
from model_training.networks.htnet_enhanced import HTNetEnhanced
from model_training.palsy.sessions.network import SessionNetwork
from model_training.palsy.visibility.network import SeenMap


class GraphNetwork(nn.Module, ABC):
    """What can become a graph: named outputs, and examples of the inputs that it will see."""

    outputs: tuple[str, ...]

    @abstractmethod
    def example_inputs(self, count: int, *, seed: int = 0) -> dict[str, Tensor]:
        """Named tensors with a batch of `count`, in the order of forward's arguments."""


class PalsyGraph(GraphNetwork):
    """(images, landmarks) -> the outputs of the palsy graph, ROI maps included; with a visibility head `seen_map`, with
    close-ups `movement_logits`."""

    def __init__(self, network: HTNetEnhanced, visibility: SeenMap | None = None) -> None:
        super().__init__()
        missing = [name for name in ("use_images", "use_roi", "use_geometry") if not network.config[name]]
        if missing:
            raise ExportError(
                f"the service needs a palsy network with images, ROI maps and geometry, here {missing[0]}=False; "
                "it can be evaluated with `htnet palsy evaluate`, but not served."
            )
        self.network = network
        self.visibility = visibility
        self.outputs = ("grade_logits", "side_logits", "regional_asymmetry", "asymmetry_map", "roi_maps", "ood_score")
        if network.closeup_head is not None:
            self.outputs += (MOVEMENT_OUTPUT,)
        if visibility is not None:
            self.outputs += (SEEN_MAP_OUTPUT,)

    def forward(self, images: Tensor, landmarks: Tensor) -> dict[str, Tensor]:
        answer: dict[str, Tensor] = self.network.forward_all(
            images, landmarks, return_roi_maps=True, return_branches=True
        )
        if self.visibility is not None:
            answer[SEEN_MAP_OUTPUT] = self.visibility(images).sigmoid()
        return {name: answer[name] for name in self.outputs}

    def example_inputs(self, count: int, *, seed: int = 0) -> dict[str, Tensor]:
        """Random mosaics and faces drawn from the fitted components: the range of values that the graph will see."""
        draw = torch.Generator().manual_seed(seed)
        size, channels = self.network.config["image_size"], self.network.config["in_channels"]
        images = torch.randint(0, 256, (count, channels, size, size), dtype=torch.uint8, generator=draw)
        weights = self.network.state_dict()
        flat = weights["geometry_branch.symmetric_mean"].expand(count, -1)
        for part in ("symmetric", "antisymmetric"):
            basis = weights[f"geometry_branch.{part}_basis"]
            directions = basis / basis.square().sum(0)  # unit vectors times their standard deviations
            flat = flat + torch.randn(count, basis.shape[1], generator=draw) @ directions.T
        return {"images": images, "landmarks": flat.reshape(count, -1, 3)}


class SessionGraph(GraphNetwork):
    """(images, landmarks, readings, present) of eight pictures -> the outputs of the network of examinations."""

    outputs = SESSION_OUTPUTS

    def __init__(self, network: SessionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor, landmarks: Tensor, readings: Tensor, present: Tensor) -> dict[str, Tensor]:
        answer: dict[str, Tensor] = self.network(images, landmarks, readings, present)
        return answer

    def example_inputs(self, count: int, *, seed: int = 0) -> dict[str, Tensor]:
        """Random pictures, landmarks about the middle, and readings that are probabilities; some pictures missing."""
        draw = torch.Generator().manual_seed(seed)
        shapes = SessionInputSpec(palsy_model_sha256="", palsy_input="").tensor_shapes()
        grades, sides = (torch.rand(count, len(POSES), size, generator=draw) for size in (len(HOUSE_BRACKMANN), 3))
        present = (torch.rand(count, len(POSES), generator=draw) < 0.7).float()
        present[:, 0] = 1
        return {
            "images": torch.randint(0, 256, (count, *shapes["images"][1]), dtype=torch.uint8, generator=draw),
            "landmarks": 0.5 * torch.randn(count, *shapes["landmarks"][1], generator=draw),
            "readings": torch.cat((grades / grades.sum(-1, True), sides / sides.sum(-1, True)), -1),
            "present": present,
        }


class EmotionGraph(GraphNetwork):
    """(flow) uint8 (N, 3, 28, 28) -> emotion_logits: the log of the mean probability of members and of the mirrored
    clip.

    members: networks that take the uint8 flow image, or with `scale` what it makes of one. Attention over one token is
    folded into one Linear.
    """

    outputs = ("emotion_logits",)

    def __init__(
        self, members: Sequence[nn.Module], *, flip: bool = True, scale: Callable[[Tensor], Tensor] | None = None
    ) -> None:
        super().__init__()
        if not members:
            raise ValueError("an ensemble needs at least one member")
        self.members = nn.ModuleList(fold_single_token_attention(member) for member in members)
        self.flip = flip
        self.scale = scale

    def forward(self, flow: Tensor) -> dict[str, Tensor]:
        views = [flow]
        if self.flip:
            # Mirroring reverses the columns and the direction of u, which is min-max scaled to 0..255.
            mirrored = flow.flip(-1)
            views.append(torch.cat((255 - mirrored[:, :1], mirrored[:, 1:]), dim=1))
        if self.scale is not None:
            views = [self.scale(view) for view in views]
        votes = [member(view).softmax(-1) for member in self.members for view in views]
        mean = torch.stack(votes).mean(0) if len(votes) > 1 else votes[0]
        return {"emotion_logits": mean.clamp_min(1e-12).log()}

    def example_inputs(self, count: int, *, seed: int = 0) -> dict[str, Tensor]:
        draw = torch.Generator().manual_seed(seed)
        return {"flow": torch.randint(0, 256, (count, 3, 28, 28), dtype=torch.uint8, generator=draw)}
