"""Measuring: whole steps beside a lean PyTorch, the cost over width, float32 against float64.

Imports everything but :mod:`minprox.cli`.
"""
