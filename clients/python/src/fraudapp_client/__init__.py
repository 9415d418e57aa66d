"""Client of the fraudapp API: decide card payments, say what they were, work on cases."""

from fraudapp_client.async_client import AsyncClient
from fraudapp_client.casework import Case, Verdict
from fraudapp_client.client import Client
from fraudapp_client.errors import (
    ApiError,
    AuthenticationError,
    BadAnswerError,
    ConflictError,
    FieldError,
    ForbiddenError,
    FraudappError,
    InProgressError,
    InvalidRequestError,
    NoAnswerError,
    NotFoundError,
    Problem,
    RateLimitedError,
    TemporaryError,
    UnavailableError,
)
from fraudapp_client.payments import (
    BatchResult,
    Decision,
    DecisionDetail,
    Difference,
    Label,
    Outcome,
    Reason,
    Reproduction,
    Transaction,
)

__all__ = [
    "ApiError",
    "AsyncClient",
    "AuthenticationError",
    "BadAnswerError",
    "BatchResult",
    "Case",
    "Client",
    "ConflictError",
    "Decision",
    "DecisionDetail",
    "Difference",
    "FieldError",
    "ForbiddenError",
    "FraudappError",
    "InProgressError",
    "InvalidRequestError",
    "Label",
    "NoAnswerError",
    "NotFoundError",
    "Outcome",
    "Problem",
    "RateLimitedError",
    "Reason",
    "Reproduction",
    "TemporaryError",
    "Transaction",
    "UnavailableError",
    "Verdict",
]
