"""Traces and metrics for collectors that speak OpenTelemetry's protocol.

Nothing imports this where no `telemetry` is configured. The exporters are the extra `otel`.
"""
