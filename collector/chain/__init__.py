"""The chain from what was measured to what is said of it, link by link. Pure.

The judge goes along it as reports come in, `explain` shows every link of it: one and the same code, so that what is
explained is what was decided.
"""
