"""The metrics endpoint as a process of its own, beside the feed's: a scrape costs the feed nothing.

``parent`` starts it and keeps it alive, ``python -m ferrofeed.exporter`` is it. It inherits two descriptors: the feed's
board, which it maps read-only, and the listening socket. Nothing on disk, no environment but what Python needs.
"""
