"""Examples may take as long as a busy machine needs."""

from hypothesis import settings

settings.register_profile("core", deadline=None)
settings.load_profile("core")
