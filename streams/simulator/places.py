"""The fixed tables of the world: cities people live in and kinds of shops they pay at."""

from typing import NamedTuple

import numpy as np

from streams.simulator.chance import Floats, Ints

SHOP, ONLINE, BILL = "shop", "online", "bill"


class City(NamedTuple):
    """`utc_offset` in whole hours without daylight saving; `weight` is the share of inhabitants."""

    name: str
    country: str
    latitude: float
    longitude: float
    utc_offset: int
    weight: float


class Category(NamedTuple):
    """ISO 18245 code, usual amount (EUR) and its log spread, share of the merchants of that `where`."""

    code: str
    median: float
    spread: float
    share: float
    where: str


CITIES = (
    City("Berlin", "DE", 52.520, 13.405, 1, 7),
    City("Hamburg", "DE", 53.551, 9.993, 1, 4),
    City("Munich", "DE", 48.137, 11.575, 1, 4),
    City("Cologne", "DE", 50.938, 6.960, 1, 3),
    City("Frankfurt", "DE", 50.110, 8.682, 1, 3),
    City("Paris", "FR", 48.857, 2.352, 1, 8),
    City("Lyon", "FR", 45.764, 4.836, 1, 3),
    City("Marseille", "FR", 43.297, 5.370, 1, 3),
    City("Toulouse", "FR", 43.605, 1.444, 1, 2),
    City("Madrid", "ES", 40.417, -3.704, 1, 5),
    City("Barcelona", "ES", 41.388, 2.170, 1, 4),
    City("Valencia", "ES", 39.470, -0.376, 1, 2),
    City("Palma", "ES", 39.570, 2.650, 1, 1),
    City("Rome", "IT", 41.903, 12.496, 1, 4),
    City("Milan", "IT", 45.464, 9.190, 1, 4),
    City("Naples", "IT", 40.852, 14.268, 1, 2),
    City("Amsterdam", "NL", 52.368, 4.904, 1, 3),
    City("Rotterdam", "NL", 51.924, 4.478, 1, 2),
    City("Brussels", "BE", 50.851, 4.357, 1, 2),
    City("Vienna", "AT", 48.208, 16.374, 1, 3),
    City("Lisbon", "PT", 38.722, -9.139, 0, 2),
    City("Porto", "PT", 41.158, -8.629, 0, 1),
    City("Dublin", "IE", 53.350, -6.260, 0, 2),
    City("Athens", "GR", 37.984, 23.728, 2, 2),
    City("Helsinki", "FI", 60.170, 24.938, 2, 2),
    City("Tallinn", "EE", 59.437, 24.754, 2, 1),
    City("Riga", "LV", 56.950, 24.105, 2, 1),
    City("Zagreb", "HR", 45.815, 15.982, 1, 1),
    City("London", "GB", 51.507, -0.128, 0, 5),
    City("Manchester", "GB", 53.481, -2.242, 0, 2),
    City("Edinburgh", "GB", 55.953, -3.188, 0, 1),
    City("New York", "US", 40.713, -74.006, -5, 3),
    City("Chicago", "US", 41.878, -87.630, -6, 1.5),
    City("Miami", "US", 25.762, -80.192, -5, 1),
    City("San Francisco", "US", 37.775, -122.419, -8, 1.5),
    City("Singapore", "SG", 1.352, 103.820, 8, 0.5),
    City("Bangkok", "TH", 13.756, 100.502, 7, 0.5),
    City("Istanbul", "TR", 41.008, 28.978, 3, 0.7),
    City("Dubai", "AE", 25.205, 55.271, 4, 0.5),
    City("Sao Paulo", "BR", -23.551, -46.633, -3, 0.5),
)

CATEGORIES = (
    Category("5411", 28.0, 0.70, 0.20, SHOP),  # groceries
    Category("5812", 34.0, 0.55, 0.16, SHOP),  # restaurants
    Category("5814", 9.5, 0.45, 0.14, SHOP),  # fast food
    Category("5541", 55.0, 0.35, 0.07, SHOP),  # fuel
    Category("4111", 3.2, 0.45, 0.08, SHOP),  # local transport
    Category("5912", 16.0, 0.65, 0.06, SHOP),  # pharmacies
    Category("5651", 62.0, 0.65, 0.08, SHOP),  # clothing
    Category("5732", 140.0, 0.95, 0.05, SHOP),  # electronics
    Category("5944", 190.0, 0.90, 0.02, SHOP),  # jewellery
    Category("7011", 160.0, 0.55, 0.05, SHOP),  # hotels
    Category("6011", 80.0, 0.55, 0.09, SHOP),  # cash machines
    Category("5999", 32.0, 0.85, 0.32, ONLINE),  # marketplaces
    Category("5816", 7.5, 0.75, 0.14, ONLINE),  # games
    Category("4899", 12.0, 0.30, 0.10, ONLINE),  # streaming
    Category("5942", 21.0, 0.60, 0.10, ONLINE),  # books
    Category("5732", 150.0, 0.95, 0.09, ONLINE),  # electronics
    Category("5651", 64.0, 0.65, 0.14, ONLINE),  # clothing
    Category("4722", 260.0, 0.75, 0.06, ONLINE),  # travel
    Category("5947", 38.0, 0.70, 0.05, ONLINE),  # gifts
    Category("6513", 850.0, 0.10, 1.00, BILL),  # landlords
)

CURRENCY = {"GB": "GBP", "US": "USD"}  # everywhere else charges EUR
UNITS_PER_EURO = {"EUR": 1.0, "GBP": 0.86, "USD": 1.08}

CITY_WEIGHTS: Floats = np.cumsum([city.weight for city in CITIES])
UTC_OFFSETS: Ints = np.array([city.utc_offset for city in CITIES], dtype=np.int64)


def kilometres(a_latitude: float, a_longitude: float, b_latitude: float, b_longitude: float) -> float:
    """Great-circle distance on a sphere of 6,371 km."""
    a, b = np.radians([a_latitude, a_longitude]), np.radians([b_latitude, b_longitude])
    half = np.sin((b - a) / 2) ** 2
    return float(12742 * np.arcsin(np.sqrt(half[0] + np.cos(a[0]) * np.cos(b[0]) * half[1])))


def _cities_at_least(far_km: float) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(j for j, b in enumerate(CITIES) if kilometres(*a[2:4], *b[2:4]) >= far_km) for a in CITIES)


# 2,000 km cannot be travelled in the hour that the impossible-travel scenario allows.
FAR_CITIES = _cities_at_least(2000.0)
