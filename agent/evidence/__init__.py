"""Facts about this device around a run: what may have limited it besides the line. Never guessed, absent if unknown."""
