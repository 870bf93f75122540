"""Tools that learn from objects, and the models that they train."""
