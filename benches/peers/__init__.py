"""Receivers that do with other packages what ferrofeed does, each run as ``python -m benches.peers.NAME JOB``."""
