"""The supported plate formats, by number of wells."""

PLATE_FORMATS: dict[int, tuple[int, int]] = {
    1: (1, 1),
    6: (2, 3),
    12: (3, 4),
    24: (4, 6),
    48: (6, 8),
    96: (8, 12),
    384: (16, 24),
    1536: (32, 48),
}
"""Rows and columns of a plate by its number of wells."""
