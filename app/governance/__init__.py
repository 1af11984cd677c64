"""Audit trail, and proofs of what is stored."""
