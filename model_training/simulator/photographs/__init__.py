"""Photographs of healthy people, warped into palsies."""
