"""The compiler daemon: watches the sources and compiles. No network, no privilege."""
