"""Benchmarks beside the peers on the machine; see `__main__`. Not collected by pytest."""
