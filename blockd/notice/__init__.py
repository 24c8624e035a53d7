"""The notice service: tells whoever asks for a listed name by HTTP why it is blocked."""
