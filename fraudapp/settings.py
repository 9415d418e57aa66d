"""Settings. Every value of a deployment comes from the environment; a bad or missing one stops the start."""

import os
from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF
from environs import Env, validate
from psycopg.conninfo import conninfo_to_dict

from fraudapp.api_settings import REST_FRAMEWORK as REST_FRAMEWORK
from fraudapp.api_settings import SPECTACULAR_SETTINGS as SPECTACULAR_SETTINGS
from fraudapp.beat_schedule import CELERY_BEAT_SCHEDULE as CELERY_BEAT_SCHEDULE
from fraudapp.env import each_is_a_network, holds_certificates, settles_in_days
from scoring.silence import SILENCE_SECONDS, BoundedConnection

env = Env()

BASE_DIR = Path(__file__).resolve().parent.parent

# --- what a deployment must give -------------------------------------------------------------------------------
LONG = validate.Length(min=32, error="needs at least {min} characters, made at random")
SECRET_KEY = env.str("SECRET_KEY", validate=LONG)
# Former ones, while what they signed or encrypted is still in use.
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", default=[])
# Signs model artefacts: whoever can write the database must still not be able to load a model into a scorer.
MODEL_SIGNING_KEY = env.str("MODEL_SIGNING_KEY", validate=LONG)
DATABASE_URL = env.str("DATABASE_URL")
REDIS_URL = env.str("REDIS_URL")
# valkey://... (embedded streams), kafka://host:port[,host:port] or kinesis://region
STREAM_URL = env.str(
    "STREAM_URL",
    validate=validate.Regexp(
        r"^((valkey|kafka)://.+|kinesis://[a-z0-9-]+/?$)",
        error="must begin with valkey:// or kafka://, or be kinesis://region",
    ),
)

# --- what it may give --------------------------------------------------------------------------------------------
DEBUG = env.bool("DEBUG", default=False)
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=[])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# Behind TLS everywhere but on a developer's own machine: cookies marked secure, plain HTTP redirected.
SECURE_TRANSPORT = env.bool("SECURE_TRANSPORT", default=True)
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
STREAM_PARTITIONS = env.int("STREAM_PARTITIONS", default=4)
STREAM_BATCH_SIZE = env.int("STREAM_BATCH_SIZE", default=2000)
# A stream worker says this often that it lives. A dead one's partitions go to the others once its lease has run out:
# three renewals may fail on the way, and a batch must fit between.
STREAM_RENEW_SECONDS = env.float("STREAM_RENEW_SECONDS", default=3.0, validate=validate.Range(min=0.1))
STREAM_LEASE_SECONDS = env.float("STREAM_LEASE_SECONDS", default=15.0, validate=validate.Range(min=0.1))
# A stream worker whose loop made no turn for so long hangs; the largest batch takes seconds.
STREAM_STALL_SECONDS = env.float("STREAM_STALL_SECONDS", default=120.0, validate=validate.Range(min=0.1))
# So many refused records with no valid batch between are a producer gone wrong, not bad luck. Set it higher for one
# start to let a known stretch of them through to the dead letters.
STREAM_POISON_THRESHOLD = env.int("STREAM_POISON_THRESHOLD", default=100, validate=validate.Range(min=1))
# A label may come before its payment: with another producer, another topic. Past this the payment is not ours.
LABEL_PATIENCE_SECONDS = env.float("LABEL_PATIENCE_SECONDS", default=86_400.0, validate=validate.Range(min=0.1))
# KAFKA_CLIENT_SASL_MECHANISM=... is the client library's `sasl.mechanism`; passwords are among them.
KAFKA_CLIENT = {
    name.removeprefix("KAFKA_CLIENT_").lower().replace("_", "."): value
    for name, value in os.environ.items()
    if name.startswith("KAFKA_CLIENT_") and value
}
# Instead of AWS's own address: a VPC endpoint, LocalStack. Credentials are boto3's business, never ours.
KINESIS_ENDPOINT_URL = env.str("KINESIS_ENDPOINT_URL", default="")
# AWS's list prices, for `manage.py shards`; put your region's and contract's here.
KINESIS_PRICES: dict[str, Any] = {
    "as_of": "2025-01",
    "region": "us-east-1",
    "usd": {
        "shard_hour": 0.015,
        "shard_hour_extended_retention": 0.020,  # on top, for records kept longer than 24 hours
        "million_put_payload_units": 0.014,  # of 25 KB, each record rounded up
    },
}
# The synchronous path must not wait for a slow feature store: it answers degraded instead.
FEATURE_STORE_TIMEOUT_SECONDS = env.float(
    "FEATURE_STORE_TIMEOUT_SECONDS", default=0.01, validate=validate.Range(min=0.001)
)
# Who asks for a decision gets it or a refusal within this time. A payment terminal waits for some seconds in all.
DECISION_PATIENCE_SECONDS = env.float("DECISION_PATIENCE_SECONDS", default=2.0, validate=validate.Range(min=0.1))
# Calls a second of an API key that has no limit of its own; a payment of a batch is a call.
API_RATE_LIMIT = env.int("API_RATE_LIMIT", default=1000, validate=validate.Range(min=1))
# Without it /metrics asks for an API key with the scope `metrics`.
METRICS_ARE_OPEN = env.bool("METRICS_ARE_OPEN", default=False)
# Of the default queue when it is made; from then on a manager sets it, as that of every queue.
CASE_SLA_MINUTES = env.int("CASE_SLA_MINUTES", default=60, validate=validate.Range(min=1))
# A decision made without features or model is scored again once the part is back, if it is not older than this: a case
# about a payment of last week helps nobody, and thousands of them hide those that do.
RESCORE_WITHIN_HOURS = env.int("RESCORE_WITHIN_HOURS", default=72, validate=validate.Range(min=1))
CLAIM_LEASE_SECONDS = env.int("CLAIM_LEASE_SECONDS", default=300)
# "Next case" passes over what the analyst skipped for so long, while anything else waits.
SKIP_MINUTES = env.int("SKIP_MINUTES", default=30, validate=validate.Range(min=0))
# So long a verdict can be taken back before anything leaves.
VERDICT_UNDO_SECONDS = env.int("VERDICT_UNDO_SECONDS", default=20, validate=validate.Range(min=0))
# What a fraud verdict does to the card unless the analyst chooses otherwise: days, 0 for ever, -1 no block.
VERDICT_BLOCK_DAYS = env.int("VERDICT_BLOCK_DAYS", default=30, validate=validate.OneOf([-1, 0, 1, 7, 30, 90]))
# Webhooks go to public addresses by https. To these networks (CIDR) they may go as well, there also by plain http.
_networks: list[str] = env.list("WEBHOOK_ALLOWED_NETWORKS", default=[], validate=each_is_a_network)
WEBHOOK_ALLOWED_NETWORKS = [ip_network(text.strip()) for text in _networks]
# Authorities (PEM) whose certificates count besides the usual ones.
WEBHOOK_CA_FILE = env.str("WEBHOOK_CA_FILE", default="", validate=holds_certificates)
# Of a file that is kept with a case. It is held in memory while it comes in, and stands in the database.
ATTACHMENT_MAX_MB = env.int("ATTACHMENT_MAX_MB", default=10, validate=validate.Range(min=1, max=100))
LIST_IMPORT_MAX_MB = env.int("LIST_IMPORT_MAX_MB", default=100, validate=validate.Range(min=1, max=1000))
# A payment without a label is taken as legitimate once it is older than this (120 days is the usual chargeback window).
LABEL_MATURITY_DAYS = env.int("LABEL_MATURITY_DAYS", default=120, validate=validate.Range(min=0))
# How long the word of a source waits before it is believed, such as `customer=3`: what is often taken back.
LABEL_SETTLE_DAYS: dict[str, int] = env.dict(
    "LABEL_SETTLE_DAYS", subcast_values=int, default={}, validate=settles_in_days
)
# The dashboard: its main currency, in which the costs are too; what an hour of review and a bothered customer cost.
DASHBOARD_CURRENCY = env.str("DASHBOARD_CURRENCY", default="EUR", validate=validate.Regexp(r"^[A-Z]{3}$"))
REVIEW_COST_AN_HOUR = env.decimal("REVIEW_COST_AN_HOUR", default=Decimal(45), validate=validate.Range(min=0))
# With a price a case (an outside desk) this is what counts, not the hours.
REVIEW_COST_A_CASE = env.decimal("REVIEW_COST_A_CASE", default=Decimal(0), validate=validate.Range(min=0))
FALSE_POSITIVE_COST = env.decimal("FALSE_POSITIVE_COST", default=Decimal(15), validate=validate.Range(min=0))
# What the team can look at; 0: nobody has said.
REVIEWS_A_DAY = env.int("REVIEWS_A_DAY", default=0, validate=validate.Range(min=0, max=10_000_000))
# By then nearly all labels are in: what is younger is shown as still growing.
DASHBOARD_MATURE_DAYS = env.int("DASHBOARD_MATURE_DAYS", default=30, validate=validate.Range(min=1))

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "template_partials",
    "channels",
    "csp",
    "scoring",
    "cases",
    "streams",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "cases.blind.BlindReviewMiddleware",
]

ROOT_URLCONF = "fraudapp.urls"
ASGI_APPLICATION = "fraudapp.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

_database = conninfo_to_dict(DATABASE_URL)
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _database["dbname"],
        "USER": _database.get("user", ""),
        "PASSWORD": _database.get("password", ""),
        "HOST": _database.get("host", ""),
        "PORT": str(_database.get("port", "")),
        # Threads of the web process and the workers share a bounded pool: an ASGI process otherwise opens one
        # connection a thread and never closes it.
        "OPTIONS": {
            "pool": {
                "min_size": 1,
                "max_size": env.int("DATABASE_POOL_SIZE", default=12),
                # Who waits while the database is away is not told when it is back: it has to ask again.
                "timeout": env.float("DATABASE_POOL_TIMEOUT_SECONDS", default=3.0),
                # Its pauses double while the database is away, and are waited for to the end when it is back.
                "reconnect_timeout": 1,
                "connection_class": BoundedConnection,
            },
            # A database that falls silent must not be waited for until the kernel gives up, a quarter of an hour.
            "connect_timeout": 2,
            "tcp_user_timeout": round(SILENCE_SECONDS * 1000),
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 2,
            # A process that freezes inside a transaction must not hold its locks for ever, nor a statement that nobody
            # waits for any more go on.
            # The zone Django would otherwise set, by a statement of its own, where the server has another.
            "options": (
                "-c idle_in_transaction_session_timeout=60s -c client_connection_check_interval=2s -c TimeZone=UTC"
            ),
        },
        "CONN_HEALTH_CHECKS": True,
        "TEST": {"SERIALIZE": False},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL]},
    }
}

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"global_keyprefix": "celery:", "socket_timeout": 10, "socket_connect_timeout": 3}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "queue"
LOGOUT_REDIRECT_URL = "login"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = SECURE_TRANSPORT
SECURE_HSTS_SECONDS = 31_536_000 if SECURE_TRANSPORT else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE_TRANSPORT else None
# Probes speak plain HTTP from inside.
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SAMESITE = "Strict"
X_FRAME_OPTIONS = "DENY"
# A transaction is at most 16 KB, a batch at most 1,000 of them.
DATA_UPLOAD_MAX_MEMORY_SIZE = 17_000_000
# A draft of a policy has up to 1,000 rules of 14 fields.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000
FILE_UPLOAD_HANDLERS = ["cases.uploads.BoundedUploadHandler"]
DATA_UPLOAD_MAX_NUMBER_FILES = 1

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
}
