"""Who may do what, and proofs of who did: plain values and checks, without HTTP or Ray."""
