"""The simulated organisation: people, teams, sprints and items that live on from a seed, and its own books.

`simulate` founds it, `advance` lets it live on, `Organisation` reads it. Nothing here knows how Jira
or Azure DevOps write it down, nor how the product computes a KPI.
"""

from sandbox.organisation.organisation import Books, Organisation
from sandbox.organisation.run import advance, simulate
from sandbox.organisation.storage import OutdatedError

__all__ = ["Books", "Organisation", "OutdatedError", "advance", "simulate"]
