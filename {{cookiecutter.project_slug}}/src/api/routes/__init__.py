"""The routes, one module for each subject.

The application includes the `router` of every module. The id of an operation in OpenAPI is the name
of its function. A module may also have a function `add_hot_routes(app)`: it adds routes to the
application itself, which saves the lookup through the included router. Use it for the most frequent
requests only.
"""
