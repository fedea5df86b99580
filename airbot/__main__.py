"""`python -m airbot` is `airbot`."""

import sys

from airbot.cli import main

sys.exit(main())
