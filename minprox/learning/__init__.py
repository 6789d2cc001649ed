"""Optimisers, the training loop, histories and checkpoints.

Imports :mod:`minprox.paper`, :mod:`minprox.datasets`, and what stands to their left.
"""
