"""Fetching lists over HTTPS into the spool: the only room of blockd's that asks a web server."""
