"""The Python client of tmserver and its command ``tm_client``."""
