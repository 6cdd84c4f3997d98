"""Trains and judges what the service serves. Knows neither service nor export.

    from model_training import HTNet, HTNetEnhanced, load

These load PyTorch when they are first asked for: the commands' `--help` needs none.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model_training.loading import load
    from model_training.networks.htnet import HTNet
    from model_training.networks.htnet_enhanced import HTNetEnhanced

__all__ = ["HTNet", "HTNetEnhanced", "load"]

_HOME = {
    "HTNet": "model_training.networks.htnet",
    "HTNetEnhanced": "model_training.networks.htnet_enhanced",
    "load": "model_training.loading",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'model_training' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
