"""What the tables of a plan have in common."""

from typing import Annotated

from pydantic import ConfigDict, Field

Positive = Annotated[int, Field(ge=1)]
STRICT = ConfigDict(extra="forbid", frozen=True)
"""A key that a table does not have is a mistake."""
