"""``python -m tactful``, the same as ``tactful``."""

from tactful.cli import main

main()
