"""The throughput work: engines, estimate and the data path."""
