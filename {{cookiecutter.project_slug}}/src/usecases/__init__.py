"""The use cases. The container registers every class with a method `execute`."""
