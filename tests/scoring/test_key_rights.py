"""For whom a person may let a key act."""

import pytest
from django.contrib.auth.models import Permission, User

from scoring.models import ApiKey
from scoring.services.key_rights import MayNotActForError, people_for
from scoring.services.keys import digest, issue_key, rotate_key
from tests.factories import NOON, make_service_account, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def mia() -> User:
    return make_user("manager")


def test_a_manager_s_keys_act_for_themselves_service_accounts_and_who_may_do_less(mia):
    for role in ("analyst", "lead"):
        make_user(role)
    bot, nobody = make_service_account("lead"), make_user(None)
    User.objects.create_superuser("root")
    User.objects.create_user("gone", is_active=False)

    assert set(people_for(mia)) == {mia, bot, nobody}


def test_one_permission_of_their_own_is_more(mia):
    person = make_user(None)
    assert person in people_for(mia)

    person.user_permissions.add(Permission.objects.get(codename="review_case"))
    assert person not in people_for(mia)

    mia.user_permissions.add(Permission.objects.get(codename="review_case"))
    assert person in people_for(mia)


def test_a_superuser_s_keys_act_for_everybody_whose_account_is_open():
    root, alice = User.objects.create_superuser("root"), make_user()
    User.objects.create_user("gone", is_active=False)

    assert set(people_for(root)) == {root, alice}


def test_no_key_is_issued_or_rotated_by_who_may_not(mia):
    alice = make_user()
    given = {"name": "bot", "scopes": ["label", "cases"], "user": alice}
    with pytest.raises(MayNotActForError, match="mia may hand out no key that acts for alice"):
        issue_key(**given, created_by=mia)
    assert not ApiKey.objects.exists()

    old = ApiKey.objects.get(sha256=digest(issue_key(**given)))
    with pytest.raises(MayNotActForError, match="mia may hand out no key that acts for alice"):
        rotate_key(old, at=NOON, by=mia)

    assert list(ApiKey.objects.values_list("id", "expires_at")) == [(old.id, None)]
