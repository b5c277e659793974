"""The transfer: what of a guest enters a login session, and how it gets there."""
