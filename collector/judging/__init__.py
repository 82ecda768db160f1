"""The role `judge`: when reports come in and as time passes, from the store to verdicts and incidents.

Everything is decided elsewhere (`judge`, `detect`, `incidents`, joined in `chain`); here it is read, kept in memory,
written and told. What is in memory can be computed again: after a restart it is read anew.
"""
