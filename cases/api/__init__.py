"""Cases by REST: what the console can do, a program can do, by the same queries and services."""
