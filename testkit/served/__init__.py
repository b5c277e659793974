"""Apps for servers that tests start: made at import, as a server wants them."""

GUARDED = "x-guarded"
"""The header of a request that shall be served with the middleware."""
