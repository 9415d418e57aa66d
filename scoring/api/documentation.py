"""The API describes itself."""

from drf_spectacular.views import SpectacularAPIView

from scoring.api.base import ApiView


class SchemaView(ApiView, SpectacularAPIView):
    """`GET /api/schema/`: OpenAPI 3.1, for any key or whoever is signed in to the console."""
