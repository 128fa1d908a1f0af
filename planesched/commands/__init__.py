"""One module a command: DESCRIPTION, EXAMPLE, ``add_arguments(parser)``, ``run(args) -> int``."""
