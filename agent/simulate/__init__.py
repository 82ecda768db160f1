"""A fleet without the measuring: real spools and real uplinks, believable reports (`linkgauge-agent simulate`)."""
