"""From samples to verdicts: what is judged, by which rule, and how it is said. Pure."""
