"""Time series: report to points, and one narrow interface over each engine."""
