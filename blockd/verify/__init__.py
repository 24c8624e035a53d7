"""`blockd verify`: whether all that is listed is blocked, and all that is excepted is open."""
