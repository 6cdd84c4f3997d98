"""Onset and apex -> the flow image that the micro-expression graph reads."""
