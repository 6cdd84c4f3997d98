"""The ground: bytes -> RGB -> landmarks -> aligned face -> what a graph reads, and from its outputs to a reading.

What service, training and export must compute alike. Knows no web framework, no torch and no runtime of the service's.
"""
