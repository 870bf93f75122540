"""Recording objects: label images, outlines and values, in a transaction."""
