"""Numbers computed from samples, each with its definition. Pure, exact and without assuming a distribution."""
