"""Nets and the passes over them: linear maps, layers, losses, graph, tape, solvers.

Imports :mod:`minprox.ground` alone, and knows no method but its own passes.
"""
