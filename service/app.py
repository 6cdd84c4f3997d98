"""The application: settings in, an ASGI app out. Everything that is made once per worker is made here."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from face.photograph import PhotographReader
from face.version import VERSION
from service.analysis.models import images_a_run, load_models
from service.api.errors import PROBLEM_JSON_SCHEMA, PROBLEM_SCHEMA, install_error_handlers
from service.api.routes import (
    assess,
    audit,
    compare,
    fhir,
    health,
    look,
    microexpression,
    microexpression_clip,
    models,
    palsy,
    video,
)
from service.api.state import LifespanState, Worker
from service.clips.room import ClipRoom
from service.config import Settings
from service.fhir.code_system import Codes
from service.inference.errors import BundleError
from service.inference.landmark_networks import LandmarkGraphs
from service.oip import routes as oip
from service.oip.served import ServedModels
from service.operations import Operations, add_middlewares, build_operations
from service.page.routes import docs_routes, page_routes

logger = logging.getLogger(__name__)

TITLE = "htnet-clinical"
DESCRIPTION = (
    "Facial-palsy grading (House-Brackmann) from photographs of one or several movements, and micro-expression "
    "recognition from an onset/apex "
    "pair or a clip. Sides are the patient's. No photograph, landmark or file name is stored or logged."
)
# A multipart body is a little larger than the images in it.
MULTIPART_OVERHEAD_BYTES = 64 * 1024
# Template and number of images of the analysing routes that have a fixed number.
ANALYSING_ROUTES = {
    palsy.PATH: palsy.IMAGES,
    microexpression.PATH: microexpression.IMAGES,
}

KEY_SCHEMES = {
    "X-API-Key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "Bearer": {"type": "http", "scheme": "bearer"},
}

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[LifespanState]]


def create_app(settings: Settings | None = None) -> FastAPI:
    """An app that loads its models when it starts and refuses to start without them.

    settings: those of the environment if left out. Raises KeyFileError and AuditUnavailable.
    """
    settings = settings or Settings()
    body_bytes = {
        assess.PATH: settings.assess_max_bytes + MULTIPART_OVERHEAD_BYTES,
        compare.PATH: compare.MAX_BYTES,
        look.PATH: settings.image_max_bytes + look.REST_MAX_BYTES + MULTIPART_OVERHEAD_BYTES,
        **{
            template: images * settings.image_max_bytes + MULTIPART_OVERHEAD_BYTES
            for template, images in ANALYSING_ROUTES.items()
        },
    }
    # An inference may be any of them.
    body_bytes |= dict.fromkeys(oip.INFER_PATHS, max(body_bytes.values()))
    clip_bytes = {
        video.PATH: settings.clip_max_bytes + MULTIPART_OVERHEAD_BYTES,
        microexpression_clip.PATH: microexpression_clip.MAX_BYTES,
    }
    operations = build_operations(settings, body_bytes=body_bytes, clip_bytes=clip_bytes, live=[look.PATH])
    app = FastAPI(
        title=TITLE,
        version=VERSION,
        description=DESCRIPTION,
        lifespan=_lifespan(settings, operations),
        docs_url=None,  # FastAPI's page loads Swagger UI from elsewhere
        redoc_url=None,
        # Generated clients name their functions after these.
        generate_unique_id_function=lambda route: route.name,
        openapi_url="/openapi.json" if settings.docs_enabled else None,
        redirect_slashes=False,  # a redirect would name the host and scheme that the proxy in front does not have
        servers=[{"url": settings.root_path}] if settings.root_path else None,
    )
    install_error_handlers(app)
    for router in (
        palsy.router,
        assess.router,
        video.router,
        look.router,
        compare.router,
        microexpression.router,
        microexpression_clip.router,
        models.router,
        audit.router,
        fhir.router,
        oip.router,
        health.router,
    ):
        app.include_router(router)
    if settings.docs_enabled:
        app.router.routes.extend(docs_routes())
    if settings.page_enabled:
        app.router.routes.extend(page_routes())
    _describe(app)
    # Identity and telling, security headers, CORS, keys and rate, admission: their order is in service.operations.
    add_middlewares(app, operations, settings)
    return app


def _landmark_graphs(settings: Settings) -> LandmarkGraphs | None:
    """None where LiteRT or MediaPipe runs the landmark model."""
    engine = settings.landmark_engine or ("onnx" if settings.provider == "cuda" else "litert")
    if engine != "onnx":
        return None
    return LandmarkGraphs(
        provider=settings.provider,
        threads=settings.model_threads,
        batch_max=images_a_run(settings.provider, settings.batch_max),
    )


def _lifespan(settings: Settings, operations: Operations) -> Lifespan:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[LifespanState]:
        # What was opened is closed, last first, also where the start fails.
        with ExitStack() as opened:
            opened.callback(operations.close)
            # Requests share the cores; OpenCV's own threads only cost a request two milliseconds of CPU more.
            cv2.setNumThreads(1)
            try:
                networks = _landmark_graphs(settings)
                if networks is not None:
                    opened.callback(networks.close)
                reader = PhotographReader(
                    limits=replace(settings.image_limits, max_decoding_bytes=operations.decoding.total_bytes),
                    reserve=operations.decoding.reserve,
                    landmark_model=settings.landmark_model,
                    engine="mediapipe" if settings.landmark_engine == "mediapipe" else "litert",
                    networks=(lambda: networks) if networks is not None else None,
                    threads=settings.running_max,
                    max_faces=settings.faces_max,
                )
                opened.callback(reader.close)
                left_out: list[str] = []

                def leave_out(directory: Path, error: BundleError) -> None:
                    left_out.append(directory.name)
                    logger.error("%s is left out: %s", directory, error)

                loaded = load_models(
                    settings.models_dir,
                    reader,
                    provider=settings.provider,
                    variant=settings.model_variant,
                    threads=settings.model_threads,
                    overlay_max_side_px=settings.overlay_max_side_px,
                    batch_max=settings.batch_max,
                    leave_out=leave_out if settings.broken_models == "leave-out" else None,
                )
                ServedModels.of(loaded)  # two models of one name stop the start
            except Exception as error:
                # One line is enough for all: there is no request yet that its text could quote.
                logger.critical("the service cannot start: %s", error or type(error).__name__)
                raise
            if loaded.palsy is not None and loaded.palsy_session is None:
                logger.warning(
                    "%s has no bundle for palsy-session: examinations are read without it, and their answers are not "
                    "compared with those that were read with it", settings.models_dir,
                )  # fmt: skip
            for model in loaded:
                opened.callback(model.close)
                manifest = model.bundle.manifest
                logger.info("Serving %s %s from %s", model.task, manifest.version, model.bundle.directory)
                operations.metrics.set_model(
                    task=model.task, name=manifest.name, version=manifest.version, sha256=model.sha256
                )
            executor = opened.enter_context(ThreadPoolExecutor(settings.running_max, thread_name_prefix="analysis"))
            clips = ClipRoom(
                limits=settings.clip_limits,
                decoding=settings.decoding_limits,
                timeout_s=settings.clip_timeout_s,
                landmark_model=settings.landmark_model,
                max_faces=settings.faces_max,
                reserve=operations.decoding.reserve,
            )
            opened.callback(clips.close)
            pictures = opened.enter_context(ThreadPoolExecutor(settings.running_max, thread_name_prefix="picture"))
            opened.callback(operations.drain.start)
            worker = Worker(
                models=loaded,
                left_out=tuple(left_out),
                executor=executor,
                pictures=pictures,
                clips=clips,
                metrics=operations.metrics,
                audit=operations.audit,
                drain=operations.drain,
                fhir_codes=Codes(settings.fhir_snomed_ct),
            )
            operations.metrics.models_left_out.set(len(left_out))
            operations.metrics.workers.set(1)
            operations.metrics.workers_wanted.set(settings.workers)
            yield {"worker": worker, "operations": operations}

    return lifespan


def _describe(app: FastAPI) -> None:
    """The OpenAPI description with what no handler says by itself: the problem schema, and how a key is sent."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
                servers=app.servers,
            )
            components = schema.setdefault("components", {})
            components.setdefault("schemas", {})[PROBLEM_SCHEMA] = PROBLEM_JSON_SCHEMA
            components["schemas"].update(oip.component_schemas())
            components["securitySchemes"] = KEY_SCHEMES
            # Whether a key is needed is a setting of the service: {} is "none".
            schema["security"] = [{}, *({name: []} for name in KEY_SCHEMES)]
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI documents it so
