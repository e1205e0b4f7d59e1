"""Scalar functions written once for every device, and the loops that drive them.

Nothing here imports the rest of the package: only ``numba``, ``numpy`` and ``math``.
"""
