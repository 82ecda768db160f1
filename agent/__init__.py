"""The measurement agent: everything that runs on a probe device."""

__version__ = "0.1.0"
