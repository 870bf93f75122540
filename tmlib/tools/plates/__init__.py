"""Tools that look at plates and wells."""
