"""What a `web` report says: each page's way from name to last byte, and whether a captive portal stands before them.

Units stand in names; absent means not measured and is never written as zero. Rules of change: add optional fields only.
"""

from typing import Annotated

import msgspec

from agent.wire.failure import Failure, Word

Positive = Annotated[float, msgspec.Meta(ge=0)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Text = Annotated[str, msgspec.Meta(max_length=200)]


class Page(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One page, each step in milliseconds from its own beginning, or the failure of the step that ended it.

    After redirects the steps are those of the last address. `total_ms` runs from the first question for a name to the
    last byte, and is there only if the page came whole; `cut`: no more was read than the limit of bytes allows.
    `certificate_days`: how long the certificate is still valid, negative if it no longer is; of a refused one too.
    """

    url: Text
    family: Word | None = None
    address: Text | None = None
    status: Count | None = None
    resolve_ms: Positive | None = None
    connect_ms: Positive | None = None
    tls_ms: Positive | None = None
    first_byte_ms: Positive | None = None
    total_ms: Positive | None = None
    bytes: Count | None = None
    certificate_days: float | None = None
    redirects: Count | None = None
    failure: Failure | None = None
    cut: bool | None = None


class Web(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The pages that were fetched. The figures above the list are medians over the pages that came whole.

    `captive_portal` is absent if it could not be told. `portal_url`: where the portal sends people; `portal_how` it
    gave itself away: redirect, page, status or dns. `domain`: whose part fails, absent if none does or nobody can tell.
    """

    ok: Count
    failed: Count
    total_ms: Positive | None = None
    first_byte_ms: Positive | None = None
    captive_portal: bool | None = None
    portal_url: Text | None = None
    certificate_days_least: float | None = None
    domain: Word | None = None
    pages: Annotated[list[Page], msgspec.Meta(max_length=30)] | None = None
    portal_how: Word | None = None
