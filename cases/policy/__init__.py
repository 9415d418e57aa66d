"""Pages of policy: versions, backtests, thresholds, health of rules."""
