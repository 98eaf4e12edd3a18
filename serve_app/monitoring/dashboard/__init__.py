"""A dashboard of Grafana, made from code."""
