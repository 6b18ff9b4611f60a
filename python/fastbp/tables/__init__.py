"""Tables: columns of numbers, truths and text, from files, and as the rows that a network takes.

``fastbp train`` and ``fastbp predict`` are made of these.
"""

from fastbp.tables.reading import Column, read_table
from fastbp.tables.schema import Schema

__all__ = ["Column", "Schema", "read_table"]
