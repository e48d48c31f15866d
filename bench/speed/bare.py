"""FastAPI and nothing else: `uvicorn bench.speed.bare:app`."""

# mypy: disable-error-code="import-not-found, untyped-decorator"
from fastapi import FastAPI, Response

app = FastAPI()


@app.get("/health/live")
async def live() -> Response:
    """Answer bytes that are ready."""
    return Response(b'{"status":"alive"}', media_type="application/json")
