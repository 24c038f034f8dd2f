"""Run the command line as `python -m modelhub`."""

from __future__ import annotations

import sys

from modelhub.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
