"""Kubernetes: the RayService, the chart around it, and what is wrong with such files."""
