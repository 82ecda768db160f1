"""A made-up country to show: believable sites, three months of reports, and people who answer incidents.

What is made up is only what agents would send and what people would do. Everything after it (archive, series, roll-ups,
verdicts, incidents) is made by the collector's own code, from the same bytes that a field device would send.
"""
