"""Names and pages on a real network: a site behind a router with dnsmasq, a province with unbound, and a portal.

One network for all of it; each test puts it into one state and takes it back.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from dns import exception, message, query

from tests.agent.net.signed_zone import signer
from tests.netlab.ipv6_daemons import alive, running, wait_for
from tests.netlab.ipv6_web import Page, serving
from tests.netlab.namespace import Namespace
from tests.netlab.topology import Lab, lab

pytestmark = [
    pytest.mark.root,
    pytest.mark.program("dnsmasq", "unbound", "openssl", "nft"),
    pytest.mark.timeout(90),
]
ROUTER: Final = "10.77.1.1"
SERVICE: Final = "203.0.114.5"
PORTAL: Final = "http://login.example/"
RECORDS: Final = [
    ("www.example.", "A", SERVICE),
    ("bogus.example.", "A", SERVICE),
    ("inside.example.", "A", "10.9.9.9"),
    ("moved.example.", "A", SERVICE),
]
NAMES: Final = ["--names", "www.example moved.example", "--signed", "example", "--bogus", "bogus.example"]
PAGES: Final = ["--pages", "http://www.example/", "--timeout", "2"]


@dataclass(frozen=True, slots=True)
class Site:
    """The network, and where things of it are kept."""

    net: Lab
    folder: Path

    @property
    def province(self) -> str:
        return self.net.address("ipv4")

    @property
    def check(self) -> list[str]:
        return ["--portal-url", f"http://{self.province}:8080/generate_204"]

    def probe(self, kind: str, *options: str) -> dict[str, Any]:
        """Measure by hand on the site's device."""
        command = [sys.executable, "-m", "agent", "probe", kind, "--json", *options]
        environment = {**os.environ, "XDG_STATE_HOME": str(self.folder), "PYTHONPATH": str(Path.cwd())}
        process = self.net.client.popen(command, stdout=subprocess.PIPE, env=environment)
        out, _ = process.communicate(timeout=40)
        found: dict[str, Any] = json.loads(out)
        return found

    def names(self, *options: str) -> dict[str, Any]:
        return self.probe("dns", *NAMES, "--reference", self.province, "--timeout", "1", *options)

    def pages(self, *options: str) -> dict[str, Any]:
        return self.probe("web", *PAGES, *(options or self.check))

    @contextlib.contextmanager
    def forwarding(self, *settings: str) -> Iterator[None]:
        """Run dnsmasq on the router, for all it is asked or but for what the settings say."""
        text = f"port=53\nno-resolv\nno-hosts\nuser=root\npid-file=\nbind-interfaces\nlisten-address={ROUTER}\n"
        text += f"server={self.province}\nlocal-ttl=1\n" + "".join(f"{line}\n" for line in settings)
        with running(self.net.near, self.folder, ["dnsmasq", "-k"], text) as process:
            wait_for(lambda: process.poll() is not None or speaks(self.net.client, ROUTER), "dnsmasq")
            alive(process, self.folder, "dnsmasq")
            yield

    @contextlib.contextmanager
    def walled(self) -> Iterator[None]:
        """Let the router answer for every page over plain HTTP, and send people to its own."""
        redirect = "add rule ip portal before tcp dport { 80, 8080 } redirect to :8000"
        chain = "add chain ip portal before { type nat hook prerouting priority -100; }"
        with serving(self.net.near, 8000, Page(302, "<html>Sign in", PORTAL)):
            self.net.near.nft("add table ip portal", chain, redirect)
            try:
                yield
            finally:
                self.net.near.nft("delete table ip portal")


def speaks(place: Namespace, address: str) -> bool:
    """Whether a name server answers anything at all."""
    with place.entered():
        found = contextlib.ExitStack()
        with found, contextlib.suppress(OSError, exception.Timeout):
            query.udp(message.make_query("www.example", "A"), address, timeout=0.3)
            return True
    return False


def settings_of(folder: Path, addresses: list[str]) -> str:
    own = signer("example", folder)
    (folder / "example.zone").write_text(own.text(RECORDS, bogus="bogus.example."), "ascii")
    return (
        "server:\n"
        + "".join(f" interface: {address}\n" for address in addresses)
        + " access-control: 0.0.0.0/0 allow\n"
        f' access-control: ::/0 allow\n chroot: ""\n username: ""\n pidfile: ""\n use-syslog: no\n num-threads: 1\n'
        f' module-config: "validator iterator"\n trust-anchor: "{own.anchor}"\n do-not-query-localhost: no\n'
        "remote-control:\n control-enable: no\n"
        f'auth-zone:\n name: "example."\n zonefile: "{folder}/example.zone"\n'
        " for-downstream: no\n for-upstream: yes\n fallback-enabled: no\n"
    )


@pytest.fixture(scope="module", name="site")
def province_and_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("services")
    with lab(rtt_ms=4) as net, contextlib.ExitStack() as stack:
        net.server.ip(f"address add {SERVICE}/32 dev lo")
        net.far.ip(f"route add {SERVICE} via {net.address('ipv4')}")
        net.client.resolver(ROUTER)
        addresses = [net.address("ipv4"), net.address("ipv6")]
        process = stack.enter_context(
            running(net.server, folder, ["unbound", "-d", "-p"], settings_of(folder, addresses))
        )
        wait_for(lambda: process.poll() is not None or speaks(net.client, addresses[0]), "unbound")
        alive(process, folder, "unbound")
        peer = net.server.python("-m", "agent", "peer", "--listen", "0.0.0.0:8080", stdout=subprocess.PIPE)
        assert peer.stdout is not None
        wait_for(partial(peer.stdout.readline), "the peer")
        stack.enter_context(serving(net.server, 80, Page(200, "a page of a public service")))
        yield Site(net, folder)


def rows(measured: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(one["address"], one["transport"]): one for one in measured["result"]["resolvers"]}


def test_a_healthy_site(site: Site) -> None:
    with site.forwarding():
        names = site.names("--resolvers", f"{ROUTER} {site.net.address('ipv6')}", "--resolv-conf", "/nowhere")
        pages = site.pages()
    result = names["result"]
    assert (result["asked"], result["answered"], result["lies"], result["consistent"]) == (12, 12, False, True)
    assert (result["rewrites_nxdomain"], result["passes_dnssec"], result["validates"]) == (False, True, True)
    over_ipv6 = rows(names)[site.net.address("ipv6"), "udp"]
    assert (over_ipv6["family"], over_ipv6["validates"], over_ipv6["lies"]) == ("ipv6", True, False)
    assert rows(names)[site.province, "tcp"]["reference"] is True
    assert result["median_ms"] >= 0
    found = pages["result"]
    assert (found["ok"], found["failed"], found["captive_portal"], pages["doubts"]) == (1, 0, False, [])
    (page,) = found["pages"]
    assert (page["address"], page["bytes"], page["status"]) == (SERVICE, 26, 200)
    assert page["connect_ms"] >= 4


def test_a_resolver_that_lies_beside_one_that_does_not(site: Site) -> None:
    with site.forwarding("address=/www.example/192.168.7.7", "address=/moved.example/"):
        result = site.names()["result"]
    assert (result["lies"], result["validates"], result["rewrites_nxdomain"]) == (True, True, False)
    said = {
        (answer["name"], answer["record"]): answer["failure"]["detail"]
        for one in result["resolvers"]
        if one["transport"] == "tcp"
        for answer in one["answers"]
        if "failure" in answer
    }
    assert said == {
        ("www.example", "a"): f"192.168.7.7 inside this network, where the witness has {SERVICE}",
        ("moved.example", "a"): f"no such name, where the witness has {SERVICE}",
    }


def test_a_dead_resolver_of_the_site_is_the_sites_own_fault(site: Site) -> None:
    site.net.near.nft(
        "add table ip dead",
        "add chain ip dead come { type filter hook input priority 0; }",
        "add rule ip dead come meta l4proto { tcp, udp } th dport 53 drop",
    )
    try:
        with_other = site.names("--resolvers", f"{site.province}", "--timeout", "0.3")["result"]
    finally:
        site.net.near.nft("delete table ip dead")
    assert with_other["domain"] == "lan"
    assert "median_ms" not in with_other
    assert with_other["answered"] == 6


def test_a_portal_in_the_router_is_told_and_remembered_until_it_is_gone(site: Site) -> None:
    with site.forwarding():
        with site.walled():
            seen = site.pages()
        # Whatever is measured next is in doubt, also by another kind, until a check finds the way open.
        assert site.names()["doubts"] == ["captive_portal"]
        gone, after = site.pages(), site.names()
    result = seen["result"]
    assert (result["captive_portal"], result["portal_how"], result["portal_url"]) == (True, "redirect", PORTAL)
    assert seen["doubts"] == ["captive_portal"]
    assert (gone["result"]["captive_portal"], gone["doubts"], after["doubts"]) == (False, [], [])


def test_a_portal_in_the_name_server(site: Site) -> None:
    with site.forwarding(f"address=/#/{ROUTER}"):
        silent = site.pages("--portal-url", "http://check.example/x")
        with serving(site.net.near, 80, Page(200, "<html>Sign in")):
            page = site.pages("--portal-url", "http://check.example/x")
        names = site.names()
    assert (silent["result"]["captive_portal"], silent["result"]["portal_how"]) == (True, "dns")
    assert (page["result"]["captive_portal"], page["result"]["portal_how"]) == (True, "page")
    assert names["doubts"] == ["captive_portal"]
    assert (names["result"]["lies"], names["result"]["rewrites_nxdomain"]) == (True, True)
    with site.forwarding():
        assert site.pages()["doubts"] == []


def test_nobody_in_the_world_sends_a_device_into_its_own_network(site: Site) -> None:
    inward = Page(301, "", f"http://{ROUTER}/reboot")
    with site.forwarding(), serving(site.net.server, 81, inward), serving(site.net.near, 80, Page(200, "rebooting")):
        got = site.probe("web", "--pages", "http://www.example:81/", *site.check)
    (page,) = got["result"]["pages"]
    assert page["failure"] == {
        "stage": "handshake",
        "reason": "captive_portal",
        "detail": f"sent on to {ROUTER}, an address inside this network",
    }
    assert "status" not in page, "the page that it was sent to was not asked"
    # The check found the way open: one bad page says nothing of all else.
    assert (got["result"]["captive_portal"], got["doubts"]) == (False, [])
