"""Gen."""
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse
import pytest
from scoring.services.keys import SCOPES, issue_key
from tests.factories import make_user
from tests.scoring.api_world import make_world

def routes(patterns, before="", space=""):
    for one in patterns:
        if isinstance(one, URLPattern):
            yield f"{space}{one.name or '-'}", f"{before}{one.pattern}"
        else:
            inner = f"{space}{one.namespace}:" if one.namespace else space
            yield from routes(one.url_patterns, f"{before}{one.pattern}", inner)

ROLES = ["analyst", "lead", "manager", "auditor", None]

def test_print(db):
    world = make_world()
    people = {role: make_user(role) for role in ROLES}
    case_id = world.path["open"]["id"]
    from cases.models import Case, Verdict
    case = Case.objects.get(id=case_id)
    decision = case.alerts.get().decision
    values = {"case_id": case_id, "verdict_id": world.verdict_id, "decision_id": decision.id, "kind": "device", "place": 0, "view_id": 1,
        "entry_id": 1, "check_id": 1, "file_id": case_id, "file_format": "csv", "name": "device-1", "object_id": "1", "app_label": "cases", "id": case_id, "transaction_id": "t-1",
        "content_type_id": 1, "url": "x"}
    import re
    for name, pattern in routes(get_resolver().url_patterns):
        if pattern.startswith("api/v1") or name.startswith("admin:"): continue
        names = re.findall(r"<(?:\w+:)?(\w+)>", pattern)
        url = reverse(name, kwargs={n: values[n] for n in names})
        for method in ("GET", "POST"):
            cells = []
            for role in ["", *ROLES]:
                c = Client(raise_request_exception=False)
                if role != "": c.force_login(people[role])
                with transaction.atomic():
                    r = c.generic(method, url)
                    transaction.set_rollback(True)
                cells.append("login" if r.status_code == 302 and r.url.startswith("/login/") else str(r.status_code))
            if set(cells[1:]) != {"405"}:
                print(f"{method:5}{name:22}" + "".join(f"{c:8}" for c in cells))
