"""Micro-expression recognition: published flow, simulated flow, LOSO and the shipped model."""
