from __future__ import annotations

import hashlib

from export.landmark_graphs import landmark_graphs
from service.inference.landmark_networks import SHA256


def test_the_recipe_makes_what_the_service_carries() -> None:
    assert {name: hashlib.sha256(graph).hexdigest() for name, graph in landmark_graphs().items()} == SHA256
