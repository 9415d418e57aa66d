"""Cases chosen on the queue page, as its forms send them."""


def chosen(cases) -> dict:
    return {"case": [str(case.id) for case in cases], "back": "currency=EUR"}


def seen(cases, **others) -> dict:
    return {"case": [f"{case.id}:{case.alert_count}" for case in cases], "verdict": "fraud", **others}


def post(client, cases, **others):
    return client.post("/queue/selected/verdict/", seen(cases, **others), follow=True)
