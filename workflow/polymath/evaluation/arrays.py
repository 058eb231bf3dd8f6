"""The type of the arrays that scores and tests are computed from."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
