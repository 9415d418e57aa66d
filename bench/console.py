"""Server time of the console's pages with much stored: a million decisions, fifty thousand open cases."""

import random
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from cases import durations
from cases.services import saved_views
from cases.services.figures import refresh_figures

DECISIONS, CASES = 1_000_000, 50_000
LOOKS = 200
# As many views as a person can see, of the kinds that people keep.
_VIEWS = [
    {"amount_from": "200"},
    {"risk": "high-up", "due": "30"},
    {"reason": "velocity"},
    {"claimed": "free", "older": "60"},
]

# Cards pay twenty times a month, merchants from a few times to a hundred thousand times, one in twenty is flagged.
_DECISIONS = """
INSERT INTO scoring_decision (
  transaction_id, occurred_at, received_at, decided_at, amount, currency, card_id, merchant_id, customer_id, device_id,
  ip_address, merchant_name, merchant_category, record, outcome, score, reasons, rule_hits, degraded, is_late,
  latency_ms, features, feature_version, model_version, policy_version, source, position
)
SELECT 'console-' || n, at, at, at, 5 + (n %% 40000) * 7919 %% 40000 / 100.0, 'EUR', 'console-card-' || n %% %(cards)s,
  'console-shop-' || floor(power(random(), 3) * 2000), 'console-customer-' || n %% %(cards)s,
  'console-device-' || n %% (%(cards)s * 3 / 4), '10.0.0.0'::inet + (n * 31 %% 200000), 'Shop', '5732',
  '{"channel": "ecommerce", "card_country": "FR", "merchant_country": "SE"}',
  CASE WHEN n <= %(cases)s THEN 'review' ELSE 'approve' END, CASE WHEN n <= %(cases)s THEN random() ELSE 0.001 END,
  CASE WHEN n <= %(cases)s THEN '[{"code": "velocity", "words": "7 payments in the last hour", "contribution": 1.8}]'
    ELSE '[]' END::jsonb,
  '{}', '{}', false, 1.0, decode(repeat('00', 216), 'hex'), '2', '', 1, 'file:console', ''
FROM (SELECT n, now() - random() * interval '30 days' AS at FROM generate_series(1, %(decisions)s) AS n) AS payment
"""
_CASES = """
INSERT INTO cases_case (id, card_id, status, stake, currency, amount, score, top_reason, alert_count, opened_at, due_at,
  verdict, typology, queue_id, customer_id, merchant_id, merchant_name, device_id, channel, reason_codes)
SELECT gen_random_uuid(), card_id, 'open', round((amount * score)::numeric, 2), currency, amount, score,
  '7 payments in the last hour', 1, decided_at, now() + random() * interval '1 hour', '', '',
  (SELECT id FROM cases_queue WHERE is_default), customer_id, merchant_id, merchant_id, device_id, 'ecommerce',
  '{velocity}'
FROM scoring_decision WHERE source = 'file:console' AND outcome = 'review'
ON CONFLICT DO NOTHING
"""
_ALERTS = """
INSERT INTO cases_alert (case_id, decision_id)
SELECT cases_case.id, decision.id FROM scoring_decision AS decision
JOIN cases_case ON cases_case.card_id = decision.card_id AND cases_case.status = 'open'
WHERE decision.source = 'file:console' AND decision.outcome = 'review'
ON CONFLICT DO NOTHING
"""

# Chargebacks of what was approved, verdicts on most of what was flagged.
_LABELS = """
INSERT INTO scoring_label (decision_id, label, source, known_at, note)
SELECT id, CASE WHEN outcome = 'approve' OR id %% 4 > 0 THEN 'fraud' ELSE 'legitimate' END,
  CASE WHEN outcome = 'approve' THEN 'chargeback' ELSE 'analyst' END, decided_at, ''
FROM scoring_decision WHERE source = 'file:console' AND (outcome = 'review' AND id %% 5 > 0 OR id %% 500 = 0)
"""
# Ten analysts of half a year.
_WORK = """
INSERT INTO cases_deskfigures (day, analyst_id, verdicts, frauds, legitimate, in_time, skipped, handled_seconds,
  first_looks, verdict_times, handling_times)
SELECT current_date - day, person.id, 200, 120, 70, 180, 9, 12000, %(times)s, %(times)s, %(times)s
FROM generate_series(1, 180) AS day, auth_user AS person WHERE person.username LIKE 'console-desk-%%'
"""


def measure(decisions: int = DECISIONS, cases: int = CASES) -> dict[str, Any]:
    """Fill the record and look at each page as an analyst, again and again; milliseconds on the server."""
    _fill(decisions, cases)
    analyst = User.objects.create_user("console-bench")
    analyst.groups.add(Group.objects.get(name="analyst"))
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(analyst)
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM cases_case WHERE status = 'open' AND card_id LIKE 'console-%%'")
        ids = [row[0] for row in cursor.fetchall()]
    looked_at = [f"/cases/{case_id}/" for case_id in random.Random(1).sample(ids, min(LOOKS, len(ids)))]
    pages = {"queue": ["/queue/"] * LOOKS, "case": looked_at}
    # What the case page loads by itself when it is scrolled to.
    pages |= {f"case_{part}": [f"{case}{part}/" for case in looked_at] for part in ("history", "graph", "map")}
    times = {name: _times(client, addresses) for name, addresses in pages.items()}
    _keep_views(analyst)
    times["queue_filtered"] = _times(client, ["/queue/?text=console-shop-7&sort=age"] * LOOKS)
    return {"pages": {**times, **_dashboard()}, "pages_of": {"decisions": decisions, "cases": len(ids)}}


def _dashboard() -> dict[str, dict[str, float]]:
    """The dashboard as a manager looks at it, over a week and over its longest span by day."""
    people = User.objects.bulk_create(User(username=f"console-desk-{number}") for number in range(10))
    with connection.cursor() as cursor:
        cursor.execute(_LABELS, {})
        cursor.execute(_WORK, {"times": [200 // durations.CLASSES] * durations.CLASSES})
    refresh_figures(now=now())
    people[0].groups.add(Group.objects.get(name="manager"))
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(people[0])
    spans = {"dashboard": "/dashboard/", "dashboard_90_days": "/dashboard/?days=90", "quality": "/quality/"}
    return {name: _times(client, [address] * LOOKS) for name, address in spans.items()}


def _keep_views(analyst: User) -> None:
    for number in range(saved_views.MAX_OWN):
        filters = _VIEWS[number % len(_VIEWS)]
        saved_views.save(owner=analyst, name=f"own {number}", filters=filters)
        saved_views.save(owner=analyst, name=f"shared {number}", filters=filters, is_shared=True)


def _fill(decisions: int, cases: int) -> None:
    values = {"decisions": decisions, "cases": cases, "cards": max(cases, decisions // 20)}
    with connection.cursor() as cursor:
        for statement in (_DECISIONS, _CASES, _ALERTS):
            cursor.execute(statement, values)
        # In life the rows come over months, and the autovacuum and the checkpoints with them.
        cursor.execute("VACUUM (ANALYZE)")
        cursor.execute("CHECKPOINT")


def _times(client: Client, addresses: Sequence[str]) -> dict[str, float]:
    waits = []
    for address in [addresses[0], *addresses]:
        began = time.perf_counter()
        answer = client.get(address)
        waits.append((time.perf_counter() - began) * 1000)
        if answer.status_code != 200:
            raise RuntimeError(f"{address} answered {answer.status_code}")
    # The first look loads the templates.
    p50, p95, p99 = (round(float(wait), 1) for wait in np.percentile(waits[1:], [50, 95, 99]))
    with CaptureQueriesContext(connection) as captured:
        client.get(addresses[0])
    return {"p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "queries": len(captured)}
