"""`python -m plainfilm` is the `plainfilm` command."""

from __future__ import annotations

from plainfilm.cli.main import main

main()
