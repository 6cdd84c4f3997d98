"""Simulated examinations: one palsy, eight poses, one or more visits, with its true measures in millimetres."""
