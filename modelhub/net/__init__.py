"""Describe the network N of a model version.

A *module tree* is what the names of the tensors tell: `encoder.layer.0.weight` is the parameter
`weight` of module `0` of module `layer` of module `encoder`.
"""

from __future__ import annotations
