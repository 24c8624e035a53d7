"""The manual: topics, man pages, and what both are made of. The command line shows it."""
