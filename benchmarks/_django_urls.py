"""The addresses of the Django app of a benchmark."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.urls import path

if TYPE_CHECKING:
    from django.http import HttpRequest


def _view(_: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


def _session_view(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str("cart" in request.session))


urlpatterns = [path("", _view), path("session", _session_view)]
