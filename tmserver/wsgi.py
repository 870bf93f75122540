"""What a WSGI server runs: ``gunicorn --worker-class gthread tmserver.wsgi:application``."""

from tmserver.application import create_app

application = create_app()
