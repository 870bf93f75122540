"""What the web server runs: `tmserver.supervisor.web_server` has its command."""

from tmserver.application import create_app

application = create_app()
