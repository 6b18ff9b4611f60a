"""Data to try things on, shipped with the package."""

from fastbp.datasets.digits import load_digits

__all__ = ["load_digits"]
