"""What recording costs: the gateway with a monitor beside the same gateway without one."""
