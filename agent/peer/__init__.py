"""The measurement peer: throughput servers, STAMP reflector, admission control."""
