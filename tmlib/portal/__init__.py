"""The public catalogue: finished work that others can find, cite and read.

Its classes, their attributes and relations are declared once, in `tmlib.portal.declaration`; the
tables, filters, the import and the schema of GraphQL are made from that. The tables are a read
model: what is in them is public, and nothing else is.
"""
