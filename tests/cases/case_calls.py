"""Calls about cases by a program that acts for somebody."""

from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from cases.models import Case
from scoring.services.keys import issue_key
from tests.scoring.api_calls import Caller

CASES = "/api/v1/cases/"


def calls_for(user: User | None, *scopes: str) -> Caller:
    """A program whose key acts for the user."""
    return Caller(Client(), issue_key(name="program", scopes=scopes or ["cases"], user=user))


def at(case: Case, action: str = "") -> str:
    return f"{CASES}{case.id}/{action}"


def listed(caller: Caller, parameters: str = "") -> list[str]:
    """Cards of the cases of one page, in order."""
    answer: dict[str, Any] = caller.get(f"{CASES}?{parameters}").json()
    return [case["card_id"] for case in answer["cases"]]


def all_pages(caller: Caller, parameters: str) -> list[list[str]]:
    """Cards of the cases page by page, as `next` leads on."""
    pages, address = [], f"{CASES}?{parameters}"
    while address:
        answer = caller.get(address).json()
        pages.append([case["card_id"] for case in answer["cases"]])
        address = answer["next"]
    return pages
