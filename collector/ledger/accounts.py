"""What became of what was planned, by agent and day, from counts and intervals. Pure."""
