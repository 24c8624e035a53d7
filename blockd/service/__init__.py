"""What every daemon needs around its core: notification, control sockets, logging."""
