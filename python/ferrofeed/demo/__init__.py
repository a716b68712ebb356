"""The demonstration: simulators in a process of their own, a real feed, and a view worth looking at."""
