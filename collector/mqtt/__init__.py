"""MQTT 3.1.1 as the collector needs it: a pure codec, a pure conversation, and the wires that carry it."""
