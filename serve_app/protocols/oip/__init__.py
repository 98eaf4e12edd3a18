"""The Open Inference Protocol: over HTTP, over gRPC, with Triton's additions."""
