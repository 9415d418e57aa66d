"""Calls of the scoring API and what is expected of their answers."""

import json

DECISIONS, LABELS = "/api/v1/decisions/", "/api/v1/labels/"


class Caller:
    """A program with an API key."""

    def __init__(self, client, key: str) -> None:
        self.client, self.headers = client, {"Authorization": f"Bearer {key}"} if key else {}

    def post(self, url: str, body, **options):
        data = body if isinstance(body, bytes | str) else json.dumps(body)
        return self.client.post(url, data, **{"content_type": "application/json", "headers": self.headers} | options)

    def get(self, url: str):
        return self.client.get(url, headers=self.headers)


def problem_of(response, status: int) -> dict:
    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert problem["title"]
    return problem


def fields_named(response, status: int = 422) -> set[str]:
    return {error["field"] for error in problem_of(response, status)["errors"]}
