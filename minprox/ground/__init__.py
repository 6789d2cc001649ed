"""What everything stands on: NumPy or CuPy, files written whole, checks of arguments, text, this machine.

Imports nothing of minprox.
"""
