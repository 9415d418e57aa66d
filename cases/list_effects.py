"""What standing on a list does to payments under the policy in force, in words. Pure."""

from collections.abc import Mapping


def does(name: str, effects: Mapping[str, str], *, of: str = "") -> str:
    """By the effects of lists in the version in force; `of` says whose payments, as `of this card`."""
    every = f"every payment {of}".rstrip()
    effect = effects.get(name)
    if effect == "decline":
        return f"decline {every}"
    if effect == "review":
        return f"send {every} to review, or decline it where something else does"
    if effect == "approve":
        others = "; a list that declines still counts" if "decline" in effects.values() else ""
        return f"approve {every} whatever score and rules say{others}"
    return "nothing by itself: the policy in force leaves this list to its rules"
