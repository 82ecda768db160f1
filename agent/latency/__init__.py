"""Packets sent and heard: what the latency probe and the throughput probe beside its load share."""
