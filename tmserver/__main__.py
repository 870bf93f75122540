"""``python -m tmserver`` is the ``tm`` command."""

from tmserver.command_line import main

main()
