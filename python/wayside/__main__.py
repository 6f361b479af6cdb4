"""The program ``wayside``, also as ``python -m wayside``."""

from __future__ import annotations

import sys

from wayside import _native


def main() -> int:
    """Run the program with the arguments of this process; its exit code."""
    return _native.main(["wayside", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
