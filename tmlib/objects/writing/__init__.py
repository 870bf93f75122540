"""What was found on the map enters here: label images, outlines, values, in a transaction."""
