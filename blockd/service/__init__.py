"""What every daemon needs around its core: notification, watchdog, control sockets, logging."""
