"""Real PostgreSQL, Redis and RabbitMQ servers for one run: found or started, ended with the run."""
