"""A made-up package of many shapes of code, each with one fault."""

from ._weigh import weigh
from .depot import Depot, Label, Size
from .tools import chunked, flatten, labelled, retry

__all__ = ["Depot", "Label", "Size", "chunked", "flatten", "labelled", "retry", "weigh"]
