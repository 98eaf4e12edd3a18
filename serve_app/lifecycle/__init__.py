"""Training runs: from a pipeline's file to registered versions, in steps that can be resumed."""
