"""Serve an app with Werkzeug, in threads: ``by_werkzeug FD MODULE:APP``."""

from __future__ import annotations

import importlib
import sys

from werkzeug.serving import make_server

if __name__ == "__main__":
    module, _, name = sys.argv[2].partition(":")
    app = getattr(importlib.import_module(module), name)
    make_server("127.0.0.1", 0, app, threaded=True, fd=int(sys.argv[1])).serve_forever()
