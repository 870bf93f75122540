"""Feature values in Parquet files: reading, merging, streaming."""
