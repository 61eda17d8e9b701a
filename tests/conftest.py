"""What all tests have in common."""

import os

from hypothesis import settings

# A slow machine is no mistake: no test asserts a time.
settings.register_profile("without deadlines", deadline=None)
settings.load_profile("without deadlines")

# A runner may tell its workers how wide a terminal is; what is tried here writes to no terminal.
os.environ.pop("COLUMNS", None)
