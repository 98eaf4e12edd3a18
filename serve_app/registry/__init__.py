"""Which version? Models with immutable, numbered versions, in a folder or at any fsspec URL."""
