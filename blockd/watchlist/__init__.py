"""The watched list: parse, guard, compile. One process, no network, no privilege."""
