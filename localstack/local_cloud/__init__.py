"""The embedded local cloud: AWS APIs on one loopback port, without Docker."""
