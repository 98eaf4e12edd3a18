"""The GraphQL schema of the endpoints, and what a document may ask of it."""
