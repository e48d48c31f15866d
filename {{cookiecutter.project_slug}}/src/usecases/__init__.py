"""What the service can do, one use case a file.

The container registers every class with a method `execute`.
"""
