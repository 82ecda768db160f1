"""The exact bytes of every accepted report, append-only, and what has been stored already.

`archive.py` is the door; `writer.py` writes a slot, `days.py` reads one, `part.py` is a data file with its keys,
`knowledge.py` what is stored as intervals; `seal.py` and `care.py` look after finished days.
"""
