import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import UsageError
from agent.net.peer_url import PeerUrl, parse


@pytest.mark.parametrize(
    ("text", "expected", "engine", "secure"),
    [
        ("msak+ws://h:1", PeerUrl("msak+ws", "h", 1, "msak+ws://h:1"), "msak", False),
        ("msak+ws://h", PeerUrl("msak+ws", "h", 8080, "msak+ws://h"), "msak", False),
        ("msak+wss://H.Example", PeerUrl("msak+wss", "h.example", 4443, "msak+wss://H.Example"), "msak", True),
        ("ndt7+wss://h/", PeerUrl("ndt7+wss", "h", 4443, "ndt7+wss://h/"), "ndt7", True),
        ("h:99", PeerUrl("msak+wss", "h", 99, "msak+wss://h:99"), "msak", True),
        (" 192.0.2.7 ", PeerUrl("msak+wss", "192.0.2.7", 4443, "msak+wss://192.0.2.7"), "msak", True),
        ("[2001:db8::1]:5", PeerUrl("msak+wss", "2001:db8::1", 5, "msak+wss://[2001:db8::1]:5"), "msak", True),
        ("stamp://[::1]", PeerUrl("stamp", "::1", 8862, "stamp://[::1]"), "stamp", False),
        ("iperf3://h", PeerUrl("iperf3", "h", 5201, "iperf3://h"), "iperf3", False),
        (
            "librespeed+https://h/backend/",
            PeerUrl("librespeed+https", "h", 443, "librespeed+https://h/backend/", "/backend/"),
            "librespeed",
            True,
        ),
        ("ookla:", PeerUrl("ookla", "", 0, "ookla:"), "ookla", False),
        ("ookla://1234", PeerUrl("ookla", "1234", 0, "ookla://1234"), "ookla", False),
        ("mlab:", PeerUrl("mlab", "", 0, "mlab:"), "mlab", False),
    ],
)
def test_peer_urls(text: str, expected: PeerUrl, engine: str, secure: bool) -> None:  # noqa: FBT001 - a table of cases
    url = parse(text)
    assert url == expected
    assert (url.engine, url.secure) == (engine, secure)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected a URL"),
        ("h h", "expected a URL"),
        ("x" * 201, "at most 200"),
        ("trường.vn", "plain characters"),
        ("ftp://h", "unknown scheme 'ftp'; known: msak+ws"),
        ("msak://h", "unknown scheme"),
        ("msak+ws://", "no host"),
        ("msak+ws://h:0", "port 0"),
        ("msak+ws://h:99999", "write HOST:PORT"),
        ("msak+ws://h:x", "write HOST:PORT"),
        ("2001:db8::1", "brackets"),
        ("[2001:db8::1", "brackets"),
        ("msak+ws://h/path", "nothing may follow the port"),
        ("msak+ws://h?token=1", "nothing may follow the port"),
        ("mlab://x", "expected mlab:"),
        ("ookla://name", "expected ookla: or ookla://ID"),
    ],
)
def test_what_is_no_peer_gets_one_plain_line(text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_password_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        parse("msak+wss://user:secret@h:1")
    assert "secret" not in str(caught.value)


@given(st.text(max_size=60) | st.from_regex(r"(msak\+ws|stamp)://[\[\]:.a-z0-9/@%?]{0,30}"))
def test_any_text_is_a_peer_or_wrong_usage(text: str) -> None:
    with contextlib.suppress(UsageError):
        url = parse(text)
        assert 0 <= url.port <= 65535
