"""Annotation tables: what people know of an experiment, as typed, shared and versioned rows."""
