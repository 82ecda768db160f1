"""The table of probes: one function per kind."""
