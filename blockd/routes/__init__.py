"""The second plane: null routes in the kernel for the listed prefixes."""
