"""The routes. An operation's id in OpenAPI is the name of its function."""

from functools import partial

from fastapi import APIRouter

Router = partial(APIRouter, generate_unique_id_function=lambda route: route.name)
