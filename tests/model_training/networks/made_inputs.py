"""Random inputs of the palsy networks."""

import torch


def faces(count, seed=0):
    """Landmarks that vary in every direction, as many as asked for."""
    return torch.randn(count, 478, 3, generator=torch.Generator().manual_seed(seed))


def mosaics(count, size=112, channels=1, seed=1):
    shape = (count, channels, size, size)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
