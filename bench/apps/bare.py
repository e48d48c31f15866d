"""FastAPI and nothing else: `uvicorn bench.apps.bare:app`."""

# mypy: disable-error-code="import-not-found, untyped-decorator"
from fastapi import FastAPI, Response

app = FastAPI()


@app.get("/health/live")
async def live() -> Response:
    """Answer with ready bytes."""
    return Response(b'{"status":"alive"}', media_type="application/json")
