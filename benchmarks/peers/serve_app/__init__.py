"""This project through its own commands: register, cluster start, deploy.

Settings: `inline.yaml` computes in the gateways, one per core; `replicas.yaml` has one gateway
and one model replica, so that as many processes compute; the limits of bodies and rows are
the defaults. Each is measured by Serve's way (`express: false`) and with `express`, replicas with
`express` and `sockets` too, as they come. Registering is done once and is no part of the time to
the first answer.
"""
