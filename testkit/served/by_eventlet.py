"""Serve an app with eventlet: ``by_eventlet FD MODULE:APP``."""

# ruff: noqa: E402 - what is imported before the patch would have real threads
from __future__ import annotations

import eventlet  # type: ignore[import-untyped,unused-ignore]  # not everywhere installed

eventlet.monkey_patch()

import importlib
import socket
import sys

import eventlet.wsgi  # type: ignore[import-untyped,unused-ignore]  # as above

module, _, name = sys.argv[2].partition(":")
eventlet.wsgi.server(
    socket.socket(fileno=int(sys.argv[1])),
    getattr(importlib.import_module(module), name),
    log_output=False,
)
