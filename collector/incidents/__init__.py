"""When to open, resolve and tell."""
