"""blockd enforces a watched list on a gateway: a sinkhole resolver and null routes."""
