"""Public services that the sites are connected for: education, health, insurance, the province. Options replace it.

Chosen for what they are; whether each is up, quick or reachable over IPv6 is what the probes find out.
"""

from typing import Final

NAMES: Final = (
    "dichvucong.gov.vn",  # the national portal of public services
    "moet.gov.vn",  # education
    "moh.gov.vn",  # health
    "baohiemxahoi.gov.vn",  # social and health insurance
    "langson.gov.vn",  # the province
)
PAGES: Final = tuple(f"https://{name}/" for name in NAMES)
