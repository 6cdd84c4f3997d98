"""The application: settings in, an ASGI app out. Everything that is made once per worker is made here.

A request passes, from the outside in: observability (id, log line, counters) -> [security: keys, rate, headers] ->
admission (body, queue, time) -> routes. Middlewares are added innermost first, at the marked place in `create_app`.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from service.admission.gate import Gate, GateLimits
from service.admission.middleware import AdmissionMiddleware, RequestLimits
from service.analysis.models import load_models
from service.analysis.photographs import PhotographReader
from service.api import health, models, palsy
from service.api.errors import PROBLEM_JSON_SCHEMA, PROBLEM_SCHEMA, install_error_handlers
from service.api.state import LifespanState, Readiness, Worker
from service.config import Settings
from service.inference.errors import BundleError, ProviderUnavailable
from service.observability.metrics import Metrics
from service.observability.middleware import ObservabilityMiddleware
from service.page.routes import page_routes

logger = logging.getLogger(__name__)

TITLE = "htnet-clinical"
VERSION = "0.1.0"
DESCRIPTION = (
    "Facial-palsy grading (House-Brackmann) from a photograph and micro-expression recognition from an onset/apex "
    "pair. Sides are the patient's. No photograph, landmark or file name is stored or logged."
)
# A multipart body is a little larger than the images in it.
MULTIPART_OVERHEAD_BYTES = 64 * 1024
# Path and number of images of the analysing routes.
ANALYSING_ROUTES = {palsy.PATH: palsy.IMAGES}

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[LifespanState]]


def create_app(settings: Settings) -> FastAPI:
    """An app that loads its models when it starts and refuses to start without them."""
    metrics = Metrics()
    app = FastAPI(
        title=TITLE,
        version=VERSION,
        description=DESCRIPTION,
        lifespan=_lifespan(settings, metrics),
        docs_url="/docs" if settings.docs_enabled else None,
        redoc_url=None,
        openapi_url="/openapi.json" if settings.docs_enabled else None,
    )
    install_error_handlers(app)
    for router in (palsy.router, models.router, health.router):
        app.include_router(router)
    if settings.page_enabled:
        app.router.routes.extend(page_routes())
    _describe(app)

    gate = Gate(
        GateLimits(
            running_max=settings.analysis_threads,
            queue_max=settings.queue_max,
            queue_wait_s=settings.queue_wait_s,
            uploads_max=settings.uploads_max,
        )
    )
    limits = RequestLimits(
        body_bytes={
            path: images * settings.image_max_bytes + MULTIPART_OVERHEAD_BYTES
            for path, images in ANALYSING_ROUTES.items()
        },
        body_timeout_s=settings.body_timeout_s,
        request_timeout_s=settings.request_timeout_s,
    )
    app.add_middleware(AdmissionMiddleware, gate=gate, limits=limits, metrics=metrics)
    # Middlewares that decide who may ask (keys, rate limits, CORS, security headers) belong here: inside
    # observability, so that a refusal is counted, and outside admission, so that it costs no place.
    fixed_routes = ("/docs", "/openapi.json", *ANALYSING_ROUTES)
    app.add_middleware(ObservabilityMiddleware, metrics=metrics, fixed_routes=fixed_routes)
    return app


def _lifespan(settings: Settings, metrics: Metrics) -> Lifespan:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[LifespanState]:
        try:
            reader = PhotographReader(
                limits=settings.image_limits,
                landmark_model=settings.landmark_model,
                threads=settings.analysis_threads,
                max_faces=settings.faces_max,
            )
            loaded = load_models(
                settings.models_dir,
                reader,
                provider=settings.provider,
                variant=settings.model_variant,
                threads=settings.model_threads,
                overlay_max_side_px=settings.overlay_max_side_px,
            )
        except (BundleError, ProviderUnavailable, FileNotFoundError, ValueError) as error:
            logger.critical("The service cannot start: %s", error)
            raise
        for model in loaded.values():
            manifest = model.bundle.manifest
            metrics.set_model(task=model.task, name=manifest.name, version=manifest.version, sha256=model.sha256)
        worker = Worker(
            models=loaded,
            executor=ThreadPoolExecutor(settings.analysis_threads, thread_name_prefix="analysis"),
            metrics=metrics,
            readiness=Readiness(loaded=True),
        )
        # Readable from outside a request, for whoever turns a signal into `draining`.
        app.state.readiness = worker.readiness
        try:
            yield {"worker": worker}
        finally:
            worker.readiness.draining = True
            worker.executor.shutdown(wait=True)
            reader.close()

    return lifespan


def _describe(app: FastAPI) -> None:
    """The OpenAPI description with the problem schema, which no handler returns by itself."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            schema.setdefault("components", {}).setdefault("schemas", {})[PROBLEM_SCHEMA] = PROBLEM_JSON_SCHEMA
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
