"""From samples and contacts to episodes: what began when, and when it ended. Pure.

An episode is no record: it is derived by folding over what was measured, in order of its time. The same measurements
give the same episodes, in whatever order they arrived.
"""
