"""Steps that probes spell out, one small module each: resolve, connect, interface facts, failures."""
