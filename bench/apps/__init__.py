"""Programs that the service is compared with. They run in the service's own environment."""
