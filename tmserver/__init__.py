"""HTTP in, HTTP out: the Flask application, the viewer and the ``tm`` command."""
