"""
Structured logs on stderr: an event name and fields, as JSON or for a terminal.

What is logged about an event is its position, id, route and outcome, never its content: the body,
its addresses and the secrets have no field here, and an exception is logged by type, message and
place, never with the values of its frames.

A log that cannot be written, since its disk is full or its reader gone, stops nothing that it
would tell about.
"""

from __future__ import annotations

import io
import logging
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO, cast

import structlog
from structlog.typing import Processor

from relay.config import LogConfig

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def configure_logs(config: LogConfig, stream: TextIO | None = None) -> None:
    """
    Send all logs, those of the libraries included, to *stream* (stderr) as *config* says.

    Call it once, before anything logs; calling it again replaces what was set.
    """
    out = cast("TextIO", _Calm(stream or sys.stderr))
    as_json = config.format == "json" or (config.format == "auto" and not out.isatty())
    level = _LEVELS[config.level]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, *_ending(as_json=as_json, colors=out.isatty())],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    _take_over_stdlib(shared, level, out, as_json=as_json)


class _Calm(io.TextIOBase):
    """What is written to *out*, as far as it can be."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            self._out.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._out.flush()

    def isatty(self) -> bool:
        return self._out.isatty()


def _ending(*, as_json: bool, colors: bool) -> list[Processor]:
    if as_json:
        frames = structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=20)
        return [
            structlog.processors.ExceptionRenderer(frames),
            structlog.processors.JSONRenderer(),
        ]
    return [
        structlog.dev.ConsoleRenderer(
            colors=colors, exception_formatter=structlog.dev.plain_traceback, sort_keys=False
        )
    ]


def _take_over_stdlib(shared: list[Processor], level: int, out: TextIO, *, as_json: bool) -> None:
    """Let uvicorn's and httpx's own lines look like ours; their chatter starts at warning."""
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_ending(as_json=as_json, colors=out.isatty()),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))


def describe(error: BaseException) -> dict[str, Any]:
    """Say what failed and where, without any value: values may be a person's data."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    where = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
    return {"error": type(error).__name__, "where": where}
