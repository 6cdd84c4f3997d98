"""The network of examinations as a checkpoint, and back."""

from __future__ import annotations

from face.palsy.assessment.session_model import SessionInputSpec
from face.vocabulary import HOUSE_BRACKMANN
from model_training.errors import TrainingError
from model_training.palsy.sessions.calibrating import SessionNumbers
from model_training.palsy.sessions.config import SessionTrainingConfig
from model_training.palsy.sessions.network import NAME, SessionNetwork
from model_training.palsy.sessions.samples import SessionSamples
from model_training.training.checkpoint import Checkpoint

TASK = "palsy-session"


def session_checkpoint(
    network: SessionNetwork,
    numbers: SessionNumbers,
    spec: SessionInputSpec,
    *,
    config: SessionTrainingConfig,
    samples: SessionSamples,
) -> Checkpoint:
    """metrics: what cross-fitting says on the people it was trained on; other people judge it."""
    return Checkpoint(
        task=TASK,
        network=NAME,
        config={"model": {"name": NAME, **network.config}, "training": config.to_dict()},
        labels=HOUSE_BRACKMANN,
        preprocessing={"kind": TASK, "spec": spec.to_dict(), "fingerprint": spec.fingerprint()},
        state_dict=network.state_dict(),
        calibration=numbers.to_dict(),
        metrics={"validation": {f"error_{name}": error[0] for name, error in numbers.errors.items()}},
        training_data={"name": "simulated sessions", "people": len(set(samples.people)), "sessions": len(samples)},
    )


def stored_network(checkpoint: Checkpoint) -> SessionNetwork:
    """Raises TrainingError for weights of another network."""
    arguments = {name: value for name, value in checkpoint.config["model"].items() if name != "name"}
    try:
        network = SessionNetwork(**arguments)
        network.load_state_dict(dict(checkpoint.state_dict))
    except (TypeError, RuntimeError) as error:
        raise TrainingError(f"{checkpoint.path}: its weights are not those of a {NAME} ({error})") from error
    return network.eval()
