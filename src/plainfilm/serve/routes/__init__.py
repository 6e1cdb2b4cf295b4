"""The routes, one file each: `router`, and `offered(service)` where not every model can answer."""
