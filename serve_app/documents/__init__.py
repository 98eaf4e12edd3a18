"""YAML that people write: where something stands, what was meant, what a schema refuses."""
