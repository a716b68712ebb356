"""For all tests: neither a busy machine nor a shell's background is a reason to fail."""

import signal

from hypothesis import settings

settings.register_profile("ferrofeed", deadline=None, print_blob=True)
settings.load_profile("ferrofeed")

# a shell without job control starts what runs in its background deaf to Ctrl-C, which programs under test would inherit
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
