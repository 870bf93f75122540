"""The Celery application: takes job ids from the queue and runs them with tmlib."""
