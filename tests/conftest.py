"""What all tests have in common."""

from hypothesis import settings

# A slow machine is no mistake: no test asserts a time.
settings.register_profile("without deadlines", deadline=None)
settings.load_profile("without deadlines")
