"""Roll-ups and the verdicts' history: what is derived from the raw series, always computed anew from it."""
