"""How the regions of a simulated palsy relate; apart, because help texts name it and load nothing heavy for it."""

from __future__ import annotations

from typing import Literal

Regions = Literal["alike", "differ", "healthy"]
