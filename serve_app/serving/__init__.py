"""The engine on Ray Serve: the only package, with `app` and `cli`, that knows Ray."""
