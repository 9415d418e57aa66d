"""A policy version over recorded payments, beside another one: judged, counted, and put into figures. Pure."""
