"""The web server: what comes between a socket and the application.

gunicorn keeps the processes, uvicorn reads and writes HTTP in each of them, and what is here lets
no client hold up another: a thread is taken only for a request that has arrived, and let go when
its answer has to wait for the client.
"""
