"""The page for people: static files, served by `service.api.page`. No bundler, no CDN, no cookie, no storage."""
