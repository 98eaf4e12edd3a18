"""A courier's deliveries, made up: some are late, and one day the warehouse moves.

All of it follows from a seed. How far vans drive and how fast they are changes with the
warehouse, what customers are promised does not: a model that was right becomes wrong.
"""

from __future__ import annotations

from serve_app.examples.deliveries.table import DeliveryTable
from serve_app.examples.deliveries.world import Delivery, Place, World

__all__ = ["Delivery", "DeliveryTable", "Place", "World"]
