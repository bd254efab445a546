# SPDX-License-Identifier: GPL-2.0-only
"""NumPy's arrays by what they hold, for annotations that must not load NumPy: a small capture may do without it."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Column = npt.NDArray[Any]
    Numbers = npt.NDArray[np.int64]
    Places = npt.NDArray[np.signedinteger]
    Flows = npt.NDArray[np.int32]
    Words = npt.NDArray[np.uint32]
    Masks = npt.NDArray[np.bool_]
    Records = npt.NDArray[np.void]
else:
    Column = Numbers = Places = Flows = Words = Masks = Records = Any
