"""The transfer: what of a guest enters a login session."""
