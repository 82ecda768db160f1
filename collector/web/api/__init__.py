"""The JSON surface under /api/v1 (contract, "HTTP"): a table of operations, and the document that is made of it."""

from collector.web.api.answers import NOT_HERE, bound, from_here, problem, site_of

__all__ = ["NOT_HERE", "bound", "from_here", "problem", "site_of"]
