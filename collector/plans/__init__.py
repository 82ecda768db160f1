"""What was promised: targets as data, each with its source paragraph."""
