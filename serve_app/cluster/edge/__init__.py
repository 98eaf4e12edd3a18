"""What HAProxy does before a request reaches a gateway: who asks, how much, and by which wire."""
