"""The way to a destination, distance by distance."""
