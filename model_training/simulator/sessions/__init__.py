"""Simulated examinations: one palsy, eight poses, one or more visits, with its true measures in millimetres."""

from typing import Literal

# How the regions of one palsy compare: alike, nearly; in patterns that differ; no palsy.
Regions = Literal["alike", "differ", "healthy"]
