"""Real PostgreSQL and Valkey as child processes for demo, tests and bench. Imports nothing of Django."""

from fraudapp.embedded.postgres import PostgresServer
from fraudapp.embedded.process import EmbeddedServerError, FolderLock, free_port
from fraudapp.embedded.temporary import TestServers, start_test_servers
from fraudapp.embedded.valkey import ValkeyServer

__all__ = [
    "EmbeddedServerError",
    "FolderLock",
    "PostgresServer",
    "TestServers",
    "ValkeyServer",
    "free_port",
    "start_test_servers",
]
