"""People with roles, and pages that need no collected static files."""

import pytest
from django.contrib.auth.models import User

from cases.models import Case
from tests.factories import make_case, make_user


@pytest.fixture(autouse=True)
def _plain_static_files(settings):
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    settings.WHITENOISE_AUTOREFRESH = settings.WHITENOISE_USE_FINDERS = True


@pytest.fixture
def alice(db) -> User:
    return make_user("analyst")


@pytest.fixture
def bob(db) -> User:
    return make_user("lead")


@pytest.fixture
def mia(db) -> User:
    return make_user("manager")


@pytest.fixture
def aude(db) -> User:
    return make_user("auditor")


@pytest.fixture
def mallory(db) -> User:
    return make_user(None)


@pytest.fixture
def case(db) -> Case:
    return make_case()
