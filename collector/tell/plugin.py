"""Apprise's plugin for an address. Slow and large at the first time: its hundred plugins are loaded then."""

import logging
import warnings
from typing import Any, Final

_TALKERS: Final = ("apprise", "urllib3", "requests_oauthlib", "oauthlib")  # what they say may hold an address' token


def plugin_of(url: str) -> Any:  # noqa: ANN401 - Apprise's plugins are its own affair
    """The plugin; None for an address that Apprise does not know. Blocks."""
    with warnings.catch_warnings():  # of modules that it loads, to serve newer Pythons than this
        warnings.simplefilter("ignore", DeprecationWarning)
        from apprise import Apprise, AppriseAsset

        for talker in _TALKERS:
            logging.getLogger(talker).setLevel(logging.CRITICAL)
        asset = AppriseAsset(app_id="linkgauge", app_desc="linkgauge", async_mode=False)
        return Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
