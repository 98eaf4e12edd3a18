"""The OpenAPI documents of the endpoints as they are now."""
