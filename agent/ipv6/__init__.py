"""The IPv6 battery: what is checked (`table`), what was found (`notes`), and what it means (`verdict`, pure)."""
