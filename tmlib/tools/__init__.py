"""What is run on objects and their feature values: one module per tool."""
