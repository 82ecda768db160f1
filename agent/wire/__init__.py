"""The contract between agents and collector, version 1: a leaf that imports nothing of the project.

What may live here: types that cross the wire, their vocabulary, topics, the codec, and the rules by which both
sides read their settings. No I/O, no clock, no policy. See README.md in this folder for the rules of change.
"""
