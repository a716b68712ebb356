"""Measuring the whole path on this machine: load, sender, receiver, statistics."""
