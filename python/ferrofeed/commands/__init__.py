"""The commands of ``ferrofeed``, one file each: ``add_arguments(parser)`` and ``run(args) -> int``."""
