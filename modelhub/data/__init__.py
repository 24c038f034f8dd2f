"""Read data sets for evaluation, in batches.

A *data set* is a file or a folder with *columns*: arrays whose first dimension counts the
*examples*. A *source* reads one; only a batch of it is in memory at a time. *Labels* are the whole
numbers that name each example's class.
"""

from __future__ import annotations

from modelhub.data.columns import Column, Source, label_column
from modelhub.data.digest import DataFacts, facts_of
from modelhub.data.fit import Fit, Preparation, fit, image_shape
from modelhub.data.images import FITS, Images
from modelhub.data.opening import open_data

__all__ = [
    "FITS",
    "Column",
    "DataFacts",
    "Fit",
    "Images",
    "Preparation",
    "Source",
    "facts_of",
    "fit",
    "image_shape",
    "label_column",
    "open_data",
]
