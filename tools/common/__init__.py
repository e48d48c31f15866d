"""What several tools share: processes, environment, rendering, waiting, Docker, the terminal."""
