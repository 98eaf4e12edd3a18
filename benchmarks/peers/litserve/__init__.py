"""The Pipeline behind LitServe."""
