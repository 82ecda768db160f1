"""All that a plan promises beside what is known of it, for a period: what a report to the committee rests on."""
