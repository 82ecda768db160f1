"""The card of a measurement: what a person wants to know of it, row by row, in their language. Pure; no layout."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from agent import card_dns, card_ipv6, card_loaded, card_path, card_radio, card_web
from agent.card_row import Row
from agent.wire.dns import Dns
from agent.wire.failure import Doubt, Failure
from agent.wire.path import Path
from agent.wire.report import Link, Measurement, Wifi
from agent.wire.results import Direction, Ipv6, Latency, Radio, Spread, Throughput
from agent.wire.web import Web
from agent.words import Language, advice, advice_on_doubt, say

BLOCKS: Final = " ▁▂▃▄▅▆▇█"
COLUMNS: Final = 40
_SAMPLE_S: Final = 0.1
_HEIGHT: Final = 3
_DOT: Final = " · "
_CUT: Final = "▲"
_SPIKE: Final = 1.5
"""Times the steady rate: what is higher, mostly a buffer that fills at the start, does not set the plot's scale."""
_GIGABITS: Final = 10_000.0
_BUSY: Final = 0.5
"""From here on a peer's load is worth a word; one test of several is no news."""


def title_of(measurement: Measurement[Any], tongue: Language) -> str:
    """Name the kind, and whether it failed."""
    name = say(measurement.kind, tongue)
    return f"{name}: {say('failed', tongue)}" if measurement.failure else name


def rows_of(measurement: Measurement[Any], tongue: Language, *, columns: int = COLUMNS) -> list[Row]:
    """Say everything of a measurement that a person wants to know: the figures, the circumstances, the doubts.

    `columns`: how wide a plot may be, without the words beside it.
    """
    rows = (
        _result_rows(measurement, tongue, columns) + _place_rows(measurement, tongue) + _doubt_rows(measurement, tongue)
    )
    return [row for row in rows if row.value]


def at_utc(at: datetime) -> str:
    """A moment as people read it."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def plot(rates: list[float], *, columns: int = COLUMNS, height: int = _HEIGHT, top: float | None = None) -> list[str]:
    """Draw rates as bars from zero, highest line first; neighbours are averaged where there are more than columns.

    Bars above `top` are cut there and marked, so that one early spike does not flatten all that follows.
    """
    bars = _bars(rates, columns)
    if not bars or max(bars) <= 0:
        return []
    scale = max(bars) if top is None else min(max(bars), top)
    eighths = [round(min(bar, scale) / scale * height * 8) for bar in bars]
    lines = [[BLOCKS[min(8, max(0, high - 8 * line))] for high in eighths] for line in reversed(range(height))]
    lines[0] = [_CUT if bar > scale else block for bar, block in zip(bars, lines[0], strict=True)]
    return ["".join(line) for line in lines]


def _bars(rates: list[float], columns: int) -> list[float]:
    step = max(1, -(-len(rates) // columns))
    return [sum(part) / len(part) for part in (rates[at : at + step] for at in range(0, len(rates), step))]


def rate(mbps: float, digits: int = 1) -> str:
    """A rate with its unit, as people say it."""
    return f"{mbps / 1000:.2f} Gbit/s" if mbps >= _GIGABITS else f"{mbps:.{digits}f} Mbit/s"


def spread_line(spread: Spread, *, columns: int = COLUMNS) -> str:
    """Draw where round trips lie between zero and the longest: a box to the 95th percentile, the median in it."""
    if spread.min is None or spread.median is None or not spread.max:
        return ""
    p95 = spread.max if spread.p95 is None else spread.p95
    low, middle, high = (round(value / spread.max * (columns - 1)) for value in (spread.min, spread.median, p95))
    line = ["·"] * low + ["━"] * (high - low + 1) + ["╌"] * (columns - 1 - high)
    line[middle] = "┃"
    return "".join(line)


def size(count: float) -> str:
    """An amount of data, in thousands as networks count."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:  # noqa: PLR2004 - the next unit
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"  # noqa: PLR2004
        count /= 1000
    return f"{count:.2f} GB"


def _result_rows(measurement: Measurement[Any], tongue: Language, columns: int) -> list[Row]:
    if measurement.failure is not None:
        return _failure_rows(measurement.failure, tongue, _asked(measurement), kind=measurement.kind)
    match measurement.result:
        case Throughput() as result:
            return _throughput_rows(result, tongue, columns, _asked(measurement))
        case Latency() as result:
            return _latency_rows(result, tongue, columns)
        case Ipv6() as result:
            return card_ipv6.rows(result, tongue, tried_one=Doubt.METHOD_REFERENCE_ONLY in measurement.doubts)
        case other:
            return _sense_rows(other, tongue)


def _sense_rows(result: object, tongue: Language) -> list[Row]:
    match result:
        case Path():
            return card_path.rows(result, tongue)
        case Dns():
            return card_dns.rows(result, tongue)
        case Web():
            return card_web.rows(result, tongue)
        case Radio() as result:
            return card_radio.rows(result, tongue)
        case _:
            return []


def _asked(measurement: Measurement[Any]) -> str | None:
    return measurement.peer.url if measurement.peer is not None else None


def _failure_rows(failure: Failure, tongue: Language, peer: str | None, *, kind: str = "") -> list[Row]:
    return [
        Row(say("where", tongue), say(f"stage:{failure.stage}", tongue)),
        Row(say("why", tongue), say(f"reason:{failure.reason}", tongue)),
        Row(say("words", tongue), failure.detail or ""),
        Row(say("check", tongue), advice(failure, tongue, peer=peer, kind=kind)),
    ]


def _doubt_rows(measurement: Measurement[Any], tongue: Language) -> list[Row]:
    rows: list[Row] = []
    for doubt in measurement.doubts:
        rows.append(Row("" if rows else say("doubts", tongue), say(f"doubt:{doubt}", tongue), "doubt"))
        # An address of one family is told by the card of that probe, in its own words.
        if measurement.kind == "throughput":
            rows.append(Row("", advice_on_doubt(doubt, tongue), "aside"))
    return rows


# --- throughput


def _throughput_rows(result: Throughput, tongue: Language, columns: int, peer: str | None) -> list[Row]:
    rows: list[Row] = []
    for name, direction in (("download", result.download), ("upload", result.upload)):
        if direction is not None:
            label = say(name, tongue)
            if direction.failure is not None:
                failed = f"{say('failed', tongue)}: {say(f'reason:{direction.failure.reason}', tongue)}"
                why = _failure_rows(direction.failure, tongue, peer)
                rows += [Row(label, failed, "figure"), *[row for row in why if row.label != say("why", tongue)]]
            elif direction.mbps is not None:
                rows += _direction_rows(label, direction, tongue, columns)
    idle, router = _spread(result.idle_rtt_ms, tongue), _spread(result.gateway_rtt_ms, tongue)
    rows += [
        Row(say("idle", tongue), idle),
        Row(say("router", tongue), router + _near_growth(result, tongue) if router else ""),
        Row(say("method", tongue), _joined((result.engine, result.congestion, result.tls, result.cipher))),
        Row(say("device", tongue), _device(result, tongue)),
    ]
    return rows


def _direction_rows(label: str, part: Direction, tongue: Language, columns: int) -> list[Row]:
    return [
        Row(label, _figure(part), "figure"),
        *_plot_rows(part, tongue, columns),
        Row("", _how_it_went(part, tongue), "aside"),
        Row("", _under_load(part, tongue), "aside"),
        *[Row("", line, "aside") for line in card_loaded.lines(part, tongue)],
        Row("", _what_early_said(part, tongue), "aside"),
    ]


def _figure(part: Direction) -> str:
    """The rate with its bounds; a run that its budget cut is a lower bound and no more."""
    mbps = part.mbps or 0.0
    if part.stop == "budget":
        return f"≥ {rate(mbps)}"
    if part.low_mbps is None or part.high_mbps is None:
        return rate(mbps)
    half = max(part.high_mbps - mbps, mbps - part.low_mbps)
    if mbps >= _GIGABITS:
        return f"{mbps / 1000:.2f} ± {half / 1000:.2f} Gbit/s"
    return f"{mbps:.1f} ± {half:.{1 if half >= 0.1 else 2}f} Mbit/s"  # noqa: PLR2004 - or it would read as 0.0


def _how_it_went(part: Direction, tongue: Language) -> str:
    took = "" if part.duration_s is None else f"{part.duration_s:.1f} s"
    stop = say(f"stop:{part.stop}", tongue) if part.stop else ""
    return _joined(
        (
            f"{stop} {took}".strip(),
            size(part.bytes) if part.bytes else "",
            say("stream" if part.streams == 1 else "streams", tongue).format(part.streams) if part.streams else "",
            "" if part.ramp_s is None else say("ramp", tongue).format(f"{part.ramp_s:.1f}"),
        )
    )


def _under_load(part: Direction, tongue: Language) -> str:
    loaded, again = part.loaded_rtt_ms, part.retransmit_ratio
    delay = ""
    if loaded is not None and loaded.median is not None:
        p95 = "" if loaded.p95 is None else f" (p95 {_short(loaded.p95)})"
        delay = f"{say('loaded', tongue)} {_short(loaded.median)} ms{p95}"
    return _joined((delay, "" if again is None else say("again", tongue).format(f"{again:.2%}")))


def _what_early_said(part: Direction, tongue: Language) -> str:
    if not part.early_mbps or not part.mbps:
        return ""
    off = (part.early_mbps - part.mbps) / part.mbps
    return say("early_said", tongue).format(
        rate(part.early_mbps), f"{off:+.2%}", f"{part.early_duration_s or 0:.1f}", size(part.early_bytes or 0)
    )


def _near_growth(result: Throughput, tongue: Language) -> str:
    """How the way to the first router fared under load: a queue there is the house's own."""
    loaded = [
        f"{say(name, tongue)} {_short(part.gateway_loaded_rtt_ms.median)} ms"
        for name, part in (("download", result.download), ("upload", result.upload))
        if part is not None and part.gateway_loaded_rtt_ms is not None and part.gateway_loaded_rtt_ms.median is not None
    ]
    return f"{_DOT}{say('loaded', tongue)}: {', '.join(loaded)}" if loaded else ""


def _device(result: Throughput, tongue: Language) -> str:
    cores = ((result.cpu_ratio, "cpu"), (result.device_cpu_ratio, "cpu_all"), (result.cpu_wait_ratio, "cpu_wait"))
    told = [say(word, tongue).format(f"{ratio:.0%}") for ratio, word in cores if ratio is not None]
    if result.ceiling_mbps is not None:
        told.append(say("ceiling", tongue).format(f"{result.ceiling_mbps:.0f}"))
    if result.temperature_c is not None:
        told.append(f"{result.temperature_c:.0f} °C")
    return _joined(told)


def _plot_rows(part: Direction, tongue: Language, columns: int) -> list[Row]:
    rates = part.rates_mbps or []
    highest = max(_bars(rates, columns), default=0.0)
    top = _SPIKE * part.mbps if part.mbps and highest > _SPIKE * part.mbps else None
    lines = plot(rates, columns=columns, top=top)
    if not lines:
        return []
    step = -(-len(rates) // columns) * _SAMPLE_S
    lines[0] += f"  {rate(highest, 0)}" if top is None else f"  {rate(top, 0)}, {_CUT} {highest:.0f}"
    lines[-1] += "  " + say("each_bar", tongue).format(f"{step:.1f}")
    return [Row("", line, "plot") for line in lines]


# --- latency


def _latency_rows(result: Latency, tongue: Language, columns: int) -> list[Row]:
    lost = result.lost if result.lost is not None else result.sent - result.received
    share = f" ({result.loss_ratio:.1%})" if result.loss_ratio is not None else ""
    line = spread_line(result.rtt_ms, columns=columns) if result.rtt_ms else ""
    return [
        Row(say("rtt", tongue), _spread(result.rtt_ms, tongue), "figure"),
        Row("", f"0 {line} {_short(result.rtt_ms.max)} ms" if line and result.rtt_ms and result.rtt_ms.max else ""),
        Row(say("jitter", tongue), _jitter(result, tongue)),
        Row(say("lost", tongue), _joined((f"{lost} {say('of', tongue)} {result.sent}{share}", _ways(result, tongue)))),
        Row("", _oddities(result, tongue), "aside"),
        Row(say("call", tongue), _call(result, tongue), "figure"),
        Row(say("method", tongue), _joined((_method(result.method, tongue), say(f"stamps:{result.stamps}", tongue)))),
    ]


def _method(method: str, tongue: Language) -> str:
    return say(f"method:{method}", tongue) if method in {"stamp", "icmp", "tcp"} else method


def _jitter(result: Latency, tongue: Language) -> str:
    there, back = result.forward_jitter_ms, result.backward_jitter_ms
    by_way = "" if there is None or back is None else say("ways", tongue).format(f"{there:.2f}", f"{back:.2f} ms")
    return _joined(("" if result.jitter_ms is None else f"{result.jitter_ms:.2f} ms", by_way))


def _ways(result: Latency, tongue: Language) -> str:
    there, back = result.forward_loss_ratio, result.backward_loss_ratio
    told = result.lost and there is not None and back is not None
    return say("ways", tongue).format(f"{there:.1%}", f"{back:.1%}") if told else ""


def _oddities(result: Latency, tongue: Language) -> str:
    counts = {name: getattr(result, name) for name in ("late", "reordered", "duplicate", "foreign")}
    return _joined(f"{count} {say(f'packets:{name}', tongue)}" for name, count in counts.items() if count)


def _call(result: Latency, tongue: Language) -> str:
    """A rating in words that decide something: G.107, Annex B, draws its lines at R 90, 80, 70, 60 and 50."""
    if result.r_factor is None or result.mos is None:
        return ""
    word = next((f"call:{limit}" for limit in (80, 70, 60, 50) if result.r_factor >= limit), "call:0")
    return f"R {result.r_factor:.1f}, MOS {result.mos:.1f}{_DOT}{say(word, tongue)}"


# --- where and when


def _place_rows(measurement: Measurement[Any], tongue: Language) -> list[Row]:
    rows: list[Row] = []
    peer, link = measurement.peer, measurement.link
    seen = measurement.result if isinstance(measurement.result, Throughput) else Throughput()
    load = seen.peer_load_ratio
    busy = "" if load is None or load < _BUSY else say("peer_busy", tongue).format(f"{load:.0%}")
    others = "" if seen.cross_traffic_mbps is None else say("others", tongue).format(f"{seen.cross_traffic_mbps:.2f}")
    mtu = f"MTU {seen.pmtu_bytes}" if seen.pmtu_bytes else ""
    if peer is not None:
        family = {"ipv4": "IPv4", "ipv6": "IPv6"}.get(measurement.family or "", "")
        words = [peer.name or "", peer.url or "", f"({peer.address})" if peer.address else "", family]
        rows.append(Row(say("peer", tongue), _joined((" ".join(word for word in words if word), busy))))
    if link is not None and link.interface:
        rows.append(Row(say("line", tongue), _joined((_line(link, tongue), mtu, others))))
    when = f"{at_utc(measurement.started)}, {say('took', tongue)} {measurement.duration_s:.1f} s"
    return [*rows, Row(say("when", tongue), when)]


def _line(link: Link, tongue: Language) -> str:
    medium = say("loopback", tongue) if link.interface == "lo" else link.medium or ""
    words = [link.interface or "", medium, f"{link.speed_mbps:g} Mbit/s" if link.speed_mbps else ""]
    cellular = link.cellular
    mobile = () if cellular is None else (cellular.technology, cellular.band, _dbm(cellular.rsrp_dbm))
    return _joined(
        (
            " ".join(word for word in [*words, f"{link.duplex}-duplex" if link.duplex else ""] if word),
            _air(link.wifi),
            " ".join(word for word in mobile if word),
        )
    )


def _air(wifi: Wifi | None) -> str:
    if wifi is None:
        return ""
    rates = [f"{rate:.0f}" for rate in (wifi.rx_mbps, wifi.tx_mbps) if rate is not None]
    words = ["Wi-Fi", wifi.band or "", _dbm(wifi.signal_dbm), f"{'/'.join(rates)} Mbit/s" if rates else ""]
    return " ".join(word for word in words if word)


def _dbm(power: float | None) -> str:
    return "" if power is None else f"{power:.0f} dBm"


def _spread(spread: Spread | None, tongue: Language) -> str:
    if spread is None or spread.median is None:
        return ""
    ends = [("min", spread.min), ("p95", spread.p95), ("max", spread.max)]
    more = ", ".join(f"{name} {_short(value)}" for name, value in ends if value is not None)
    return f"{say('median', tongue)} {_short(spread.median)} ms" + (f" ({more})" if more else "")


def _short(milliseconds: float) -> str:
    return f"{milliseconds:.1f}" if milliseconds >= 1 else f"{milliseconds:.2f}"


def _joined(parts: Iterable[str | None]) -> str:
    return _DOT.join(part for part in parts if part)
