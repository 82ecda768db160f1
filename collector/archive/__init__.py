"""The exact bytes of every accepted report, append-only, and what has been stored already.

`archive.py` is the door; `segment.py` the files, `index.py` the derived index, `intervals.py` the arithmetic.
"""
