"""Real servers for the tests: PostgreSQL, Redis, posthorn, a misbehaving receiver, and a client
that holds every answer against openapi/posthorn.yaml."""
