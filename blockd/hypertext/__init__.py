"""What the pages of every server are made of: markup, and the reader's language. Pure."""
