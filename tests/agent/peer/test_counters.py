"""The exposition text, read back by the collector's own Prometheus library."""

from prometheus_client.parser import text_string_to_metric_families

from agent.peer.counters import Counters


def test_the_text_is_what_prometheus_reads() -> None:
    counters = Counters()
    counters.connections["tls"] += 2
    counters.responses["503"] += 1
    counters.streams["msak", "download", "done"] += 3
    counters.payload_bytes["download"] += 123_456_789_012
    counters.stamp["reflected"] += 1
    counters.faults += 4
    text = counters.text({"tests": ("Tests running.", 2)})
    found = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert found == {
        ("linkgauge_peer_tests",): 2,
        ("linkgauge_peer_connections_total", "tls"): 2,
        ("linkgauge_peer_http_responses_total", "503"): 1,
        ("linkgauge_peer_streams_total", "done", "download", "msak"): 3,
        ("linkgauge_peer_payload_bytes_total", "download"): 123_456_789_012,
        ("linkgauge_peer_stamp_packets_total", "reflected"): 1,
        ("linkgauge_peer_faults_total",): 4,
    }


def test_every_family_says_what_it_is_even_when_empty() -> None:
    lines = Counters().text({}).splitlines()
    assert sum(line.startswith("# HELP") for line in lines) == sum(line.startswith("# TYPE") for line in lines) == 6
