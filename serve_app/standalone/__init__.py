"""One process that answers without Ray, as containers and functions of clouds want it."""
