"""Measures the product as it runs: real servers, real worker, real web process. `make bench`."""
