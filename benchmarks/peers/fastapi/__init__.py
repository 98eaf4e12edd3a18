"""The Pipeline behind FastAPI and uvicorn."""
