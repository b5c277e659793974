"""Serve an app with eventlet: ``by_eventlet FD MODULE:APP``."""

from __future__ import annotations

import importlib
import socket
import sys
from typing import Any

if __name__ == "__main__":
    # Not imported as usual: it is not everywhere installed, and must patch the modules
    # before the app imports them.
    eventlet: Any = importlib.import_module("eventlet")
    eventlet.monkey_patch()
    wsgi: Any = importlib.import_module("eventlet.wsgi")
    module, _, name = sys.argv[2].partition(":")
    app = getattr(importlib.import_module(module), name)
    wsgi.server(socket.socket(fileno=int(sys.argv[1])), app, log_output=False)
