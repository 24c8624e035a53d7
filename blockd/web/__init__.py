"""What is shown of a running gateway over HTTP on loopback: metrics, health and the page."""
