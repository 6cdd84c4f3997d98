"""Landmarks -> canonical face, its regions, and the quality of what was photographed. Every step gives its inverse."""
