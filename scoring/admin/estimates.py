"""How many rows a large table's page says there are."""

import json

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

MAX_COUNTED = 10_000


class EstimatedPaginator(Paginator):
    """Counts up to 10,000 rows; of more it says what PostgreSQL expects, which counting would take a second for."""

    object_list: QuerySet

    @cached_property
    def count(self) -> int:
        counted = self.object_list.order_by()[: MAX_COUNTED + 1].count()
        if counted <= MAX_COUNTED:
            return counted
        plan = json.loads(self.object_list.order_by().explain(format="json"))
        return max(counted, int(plan[0]["Plan"]["Plan Rows"]))
