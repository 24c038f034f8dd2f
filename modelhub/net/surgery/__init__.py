"""Cut networks into parts and change them: what `slice` and `construct` of queries do.

Nothing here looks at weights: the result says which tensors keep the values of which others, and
`initialise` gathers and draws them.
"""

from __future__ import annotations

from modelhub.net.surgery.edited import Edited, Fresh, Layer, SurgeryError
from modelhub.net.surgery.initial import initialise
from modelhub.net.surgery.slicing import cut
from modelhub.net.surgery.surgeon import Surgeon

__all__ = ["Edited", "Fresh", "Layer", "Surgeon", "SurgeryError", "cut", "initialise"]
