"""Pages of models: where they are, their text, and steps taken there."""

MODELS = "/models/"


def at(version: str, action: str = "") -> str:
    return f"/models/{version}/{f'steps/{action}/' if action else ''}"


def text_of(response) -> str:
    return " ".join(response.content.decode().split())


def take(client, version: str, action: str, **sent):
    return client.post(at(version, action), {"champion": "m-0", "is_meant": "1"} | sent)
