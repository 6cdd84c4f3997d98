"""Simulated micro-expressions."""
