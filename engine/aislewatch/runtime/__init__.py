"""The world: clock, NATS, sensor hosts, supervisor, the live loop."""
