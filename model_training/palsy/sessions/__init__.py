"""The network of whole examinations: movements of each half, severities of the regions, the side."""
