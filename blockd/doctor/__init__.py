"""`blockd doctor`: the usual troubles of a gateway, found and told with their remedies."""
