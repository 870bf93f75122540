"""How HTTP is spoken: routes, what they take and answer, errors, and the document of it all."""
