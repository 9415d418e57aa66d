"""Settings of the REST framework and of the schema it publishes: none is a deployment's."""

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["scoring.api.keys.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["scoring.api.keys.HasScope"],
    "DEFAULT_PARSER_CLASSES": ["scoring.api.parsers.FlatJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "scoring.api.openapi.ApiSchema",
    "EXCEPTION_HANDLER": "scoring.api.problems.problem_response",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Fraud desk API",
    "DESCRIPTION": "Decides card payments while they are authorised, and works on the cases of flagged ones. "
    "Errors are problems as RFC 9457 has them. Within a version calls, fields of answers and optional fields of "
    "requests may be added: pass over what you do not know.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["scoring.api.keys.IsKnown"],
    "SERVE_AUTHENTICATION": [
        "scoring.api.keys.ApiKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "OAS_VERSION": "3.1.0",
    # Below it, the first part of an address says what a call is about.
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "CaseStatusEnum": "cases.models.Case.Status",
        "CaseVerdictEnum": "cases.models.Case.Verdict",
        "ExplanationStateEnum": "scoring.models.Explanation.State",
        "LabelEnum": "scoring.models.Label.Value",
        "LabelSourceEnum": "scoring.models.Label.Source",
        "TruthEnum": "scoring.models.Label.Truth",
    },
    "TAGS": [
        {"name": "decisions", "description": "Decide payments, and read what was decided."},
        {"name": "labels", "description": "Say what a payment was."},
        {"name": "cases", "description": "Work on cases as a user of the console."},
    ],
}
