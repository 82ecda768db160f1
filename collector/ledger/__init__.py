"""What is known of every report: stored, late, missing and why. Small derived facts beside the archive's bytes."""
