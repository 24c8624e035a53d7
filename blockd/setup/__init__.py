"""Makes blockd a service of this host, and takes all of it back.

`look` reads the host into facts, `install` and `removal` turn facts into steps, `act` performs
them. What is already as it should be is no step, so that a second run has none.
"""
