"""What `init_env.py` knows and writes for this machine. Standard library only."""
