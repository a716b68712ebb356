"""The only package that imports picows and uvloop: sockets, the read-side takeover, the feed's thread."""
