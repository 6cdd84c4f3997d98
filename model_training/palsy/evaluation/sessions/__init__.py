"""Judging and fitting examinations: tables of sessions, read once, assessed in many ways."""
