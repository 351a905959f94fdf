"""From the outbox to MQTT brokers, at QoS 1: delivered means acknowledged by the broker."""
