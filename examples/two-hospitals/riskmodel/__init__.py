"""A risk model over tables that nobody may see together: the drug maker's secret."""

from .logistic import fit

__all__ = ["fit"]
