"""Refusals that only a model can give; those of the photograph itself are in service.preprocessing.errors."""

from __future__ import annotations

from service.preprocessing.errors import PreprocessingError


class OutOfDistribution(PreprocessingError):
    """The face is too unlike those that the model has learned from."""

    code = "out-of-distribution"
