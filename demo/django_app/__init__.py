"""A guest shop in Django, in two files: the settings and the shop.

``python -m django runserver --settings demo.django_app.settings`` runs it.
"""
