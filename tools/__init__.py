"""What the template needs around itself: real servers, and the tour of a rendered service."""
