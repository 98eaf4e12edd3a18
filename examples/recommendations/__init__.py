"""Recommendations: what another way of choosing would have earned, before anybody tries it."""
