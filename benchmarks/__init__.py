"""Load generation and measurements; nothing here is part of the package that users install."""
