"""The path `/graphql`: requests, execution, errors, and the page for browsers."""
