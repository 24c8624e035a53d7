"""The command line: one module a verb. Heavy imports happen inside the verbs."""
