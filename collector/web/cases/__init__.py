"""Incidents as people read them and decide on them: the list, one with its evidence, and the forms."""
