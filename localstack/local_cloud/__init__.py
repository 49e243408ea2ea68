"""The embedded local cloud: AWS APIs on one loopback port, without Docker."""

__version__ = "0.1.0"
