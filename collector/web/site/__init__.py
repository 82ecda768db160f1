"""One site: what is said of it, what was measured there, and what happened."""
