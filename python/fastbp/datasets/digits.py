"""The optical handwritten digits of the UCI Machine Learning Repository.

Source: E. Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten Digits (the file optdigits.tes), UCI
Machine Learning Repository, https://doi.org/10.24432/C50P49. Licence: CC BY 4.0, https://creativecommons.org/licenses/by/4.0/.
Changed here: stored as one compressed NumPy file.
"""

import os

import numpy as np
import numpy.typing as npt

__all__ = ["load_digits"]


def load_digits() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """1,797 handwritten digits of 8 x 8 pixels.

    Returns:
        x (1797, 64), float32: the ink in each pixel, from 0 to 16, row by row;
        y (1797,), int64: the digit, 0 to 9.

    Source: E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, CC BY 4.0.

    >>> x, y = load_digits()
    >>> x.shape, x.max(), y[:5]
    ((1797, 64), np.float32(16.0), array([0, 1, 2, 3, 4]))
    """
    with np.load(os.path.join(os.path.dirname(__file__), "digits.npz")) as data:
        return data["x"].astype(np.float32), data["y"].astype(np.int64)
