"""The product's settings, with static files served from where they are written instead of collected."""

from fraudapp.settings import *  # noqa: F403
from fraudapp.settings import STORAGES

STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
WHITENOISE_AUTOREFRESH = WHITENOISE_USE_FINDERS = True
