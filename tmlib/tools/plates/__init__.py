"""Tools for plates and wells."""
