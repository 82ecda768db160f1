"""IPv6 at the site, step by step: what the probe finds, and what it means."""
