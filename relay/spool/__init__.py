"""The durable line of envelopes between ingress and forward; start at `relay.spool.port`."""
