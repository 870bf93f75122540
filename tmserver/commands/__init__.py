"""The subcommands of the ``tm`` command."""
