"""A shop in which a guest's cart survives the sign-up: an example to read and copy.

``python -m demo`` runs it. ``auth`` sets SuperTokens up and says what happens when a
guest becomes a user, ``carts`` keeps the users' carts, ``shop`` is the web app,
``products`` is what it sells, and ``cores`` finds a SuperTokens core. ``flask_app`` and
``django_app`` are the same on a page each.
"""
