"""Receivers that do with other packages what ferrofeed does: one process each, run as ``python -m benches.peers.NAME JOB``."""
