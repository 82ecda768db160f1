"""Numbers with their unit, as each language writes them. Pure."""


def mbps_en(value: float) -> str:
    """A speed as English writes it, one decimal at most."""
    return f"{value:.1f}".removesuffix(".0") + " Mbit/s"


def mbps_vi(value: float) -> str:
    """A speed as Vietnamese writes it, with a decimal comma."""
    return mbps_en(value).replace(".", ",")
