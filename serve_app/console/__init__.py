"""The console: pages of the admin port for people, made on the server, that work without script."""
