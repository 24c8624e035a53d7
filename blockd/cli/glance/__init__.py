"""How the gateway stands, at a glance: looked at, judged, laid out, shown again and again."""
