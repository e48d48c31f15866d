"""The routes. The application includes the `router` of every module.

A module may also have `add_hot_routes(app)`. It adds the most frequent routes to the application
itself, which saves the lookup through the included router.
"""
