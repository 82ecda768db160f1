"""Provinces, districts, communes and villages with dates: what a place was called, and what it is part of now."""
