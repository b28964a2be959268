"""What a model's nats are made of, and everything else that its report shows."""
