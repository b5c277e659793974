"""The way of a guest: how it comes with a request, and what an answer does to it."""
