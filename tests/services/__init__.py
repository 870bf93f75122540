"""Real services that tests run against: PostgreSQL, the product itself, a browser."""
