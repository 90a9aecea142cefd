def weigh(parts, *, unit="g", factor=None):
    return _sum(parts) * _factor(unit) * (factor or 1)


def _sum(parts):
    return sum(part["weight"] for part in parts)


def _factor(unit):
    return {"g": 1, "kg": 1000}[unit]
