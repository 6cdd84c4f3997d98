"""Figures of any task: counts and agreement, reliability, intervals by person, temperatures. No task is known here."""
