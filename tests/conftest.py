"""For all tests: a busy machine is no reason to fail."""

from hypothesis import settings

settings.register_profile("ferrofeed", deadline=None, print_blob=True)
settings.load_profile("ferrofeed")
