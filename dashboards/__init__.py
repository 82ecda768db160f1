"""What Grafana shows of linkgauge, as code: dashboards, alert rules, and the files that are made of them.

Imports nothing of the project: a dashboard knows the series by the contract's names alone, and so can be read, changed
and proved without the collector. `python -m dashboards` writes `generated/`.
"""
