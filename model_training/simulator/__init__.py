"""Simulated facial palsy: rendered people whose grade, side, regional severity and true asymmetry map are known."""
