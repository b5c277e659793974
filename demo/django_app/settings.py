"""The settings: two lines of middleware, the SDK's and the guests'."""

import secrets

SECRET_KEY = secrets.token_hex()  # nothing is signed with it
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "demo.django_app.shop"
MIDDLEWARE = [
    "supertokens_python.framework.django.django_middleware.middleware",
    "supertokens_guest.django.GuestMiddleware",
]
USE_TZ = True
DEBUG = True  # this machine alone: the shop takes any password
