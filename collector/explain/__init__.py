"""Why a site is judged as it is: the whole chain from samples to verdict to incident, with every number on it."""
