"""The sinkhole resolver: listed names are answered from the policy, the rest is forwarded."""
