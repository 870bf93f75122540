"""The catalogue's pages for people: HTML made on the server, which needs no script."""
