"""The HTTP and WebSocket doors: one table of routes that validates, authorises, documents and is tested."""
