"""Signatures of lists in minisign's format: Ed25519, with a trusted comment that is signed too."""
