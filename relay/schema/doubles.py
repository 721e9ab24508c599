"""
How Java writes a double as text, as Data Prep does where one stands in a text (pure).

Source:
    Java SE 17 API, Double.toString. Where Java 17 prints more digits than needed (JDK-4511638,
    mended in 19), the mended form is given.
"""

from __future__ import annotations

import math
from decimal import Decimal

# From here up and from here down there is an exponent.
_PLAIN_FROM = 1e-3
_PLAIN_BELOW = 1e7


def double_text(value: float) -> str:
    """Write *value* as ``Double.toString`` does: ``2.5``, ``1.0E10``, ``NaN``."""
    shortest = repr(float(value))
    if value == 0 or _PLAIN_FROM <= abs(value) < _PLAIN_BELOW:
        return shortest
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    number = Decimal(shortest).normalize()
    if len(number.as_tuple().digits) == 1:
        # Java writes at least two digits, and they are the two nearest: 4.9E-324.
        number = Decimal(f"{value:.1e}")
    sign, digits, _ = number.as_tuple()
    first, *rest = map(str, digits)
    return f"{'-' if sign else ''}{first}.{''.join(rest)}E{number.adjusted()}"
