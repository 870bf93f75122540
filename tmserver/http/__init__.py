"""HTTP for any interface: routes, requests, answers, errors, and the OpenAPI document."""
