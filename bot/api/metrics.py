"""Figures for Prometheus about this process. Knows no request and no database: others count into it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """One registry an application, so that two applications in one process don't add up."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "deskhand_http_requests",
            "Answered requests.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self.seconds = Histogram(
            "deskhand_http_request_seconds",
            "Time to answer, WebSockets left out.",
            ("method", "route"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.frames = Counter("deskhand_socket_frames", "Frames taken.", ("door",), registry=self._registry)
        self.dropped = Counter(
            "deskhand_sockets_dropped", "Sockets that read too slowly.", registry=self._registry
        )
        self.sockets = Gauge("deskhand_sockets_open", "Open WebSockets.", registry=self._registry)
        self.waiting = Gauge("deskhand_waiting", "Rows still owed.", ("what",), registry=self._registry)
        self.suggestions = Gauge(
            "deskhand_suggestions",
            "Suggested replies by what became of them.",
            ("outcome",),
            registry=self._registry,
        )
        self.ready = Gauge("deskhand_ready", "1 when this node takes work.", registry=self._registry)
        self.unread = Gauge(
            "deskhand_memory_unread",
            "Past replies and articles that suggestions don't know yet.",
            registry=self._registry,
        )

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self._registry)
