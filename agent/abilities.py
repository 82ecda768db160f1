"""Which probes can run on this box, which checks of theirs are limited, and why. Pure: `agent.box` finds the facts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from agent.words import Language

State = Literal["runs", "limited", "cannot"]
Modem = Literal["present", "no_package", "no_bus", "no_service", "no_modem", "no_permission"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """What this device has, as far as it could be told; None: it could not.

    `ping`: how echo requests can be sent; `raw`: this user may open raw sockets; `kernel_times`: the kernel dates what
    comes; `tcp_account`: it tells how its TCP connections fare; `senders`: congestion controls that may be asked for.
    """

    ipv4_route: bool
    ipv6_stack: bool
    ipv6_address: bool
    ipv6_route: bool
    ping: Literal["socket", "raw"] | None
    raw: bool
    kernel_times: bool
    tcp_account: bool
    senders: tuple[str, ...]
    resolvers: int
    clock_synchronized: bool | None
    folder: bool
    programs: frozenset[str]
    modem: Modem


@dataclass(frozen=True, slots=True)
class Limit:
    """What cannot be checked, and the reason with what to do about it."""

    check: str
    why: str


@dataclass(frozen=True, slots=True)
class Ability:
    """What one kind of probe can do here. `cannot`: every run would end at the device."""

    kind: str
    about: str
    state: State
    limits: tuple[Limit, ...]


@dataclass(frozen=True, slots=True)
class _Rule:
    """Holds for the named kinds when the box is so; texts in English and Vietnamese."""

    kinds: tuple[str, ...]
    holds: Callable[[Box], bool]
    check: tuple[str, str]
    why: tuple[str, str]
    ends: bool = False


ABOUT: Final[dict[str, tuple[str, str]]] = {
    "throughput": ("how fast the line is, both ways", "tốc độ đường truyền, hai chiều"),
    "latency": ("how long packets take, and how many are lost", "độ trễ và tỷ lệ mất gói"),
    "ipv6": ("whether IPv6 works, and if not, at which step", "IPv6 có hoạt động không, hỏng ở bước nào"),
    "dns": ("whether names are resolved, quickly and truthfully", "phân giải tên miền: nhanh và đúng không"),
    "web": ("whether public services' pages come, and how fast", "trang dịch vụ công có mở được không, nhanh chậm"),
    "path": ("the routers on the way, and whose part fails", "các bộ định tuyến trên đường đi, hỏng ở phần của ai"),
    "radio": ("the mobile signal at this place", "sóng di động tại chỗ"),
}

_LINE: Final = ("throughput", "latency", "ipv6", "dns", "web", "path")
_MODEM: Final[dict[Modem, tuple[str, str]]] = {
    "present": ("", ""),
    "no_package": (
        "the package dbus-fast is not installed; install linkgauge[radio]",
        "chưa cài gói dbus-fast; hãy cài linkgauge[radio]",
    ),
    "no_bus": (
        "there is no D-Bus system bus; install dbus and modemmanager, or name an AT port with --device",
        "không có D-Bus hệ thống; hãy cài dbus và modemmanager, hoặc chỉ cổng AT bằng --device",
    ),
    "no_service": (
        "ModemManager is not running; install or start it, or name an AT port with --device",
        "ModemManager không chạy; hãy cài hoặc khởi động, hoặc chỉ cổng AT bằng --device",
    ),
    "no_modem": ("no modem is plugged in", "chưa cắm modem"),
    "no_permission": (
        "this user may not talk to ModemManager",
        "người dùng này không có quyền dùng ModemManager",
    ),
}
_RULES: Final = (
    _Rule(
        _LINE,
        lambda box: not (box.ipv4_route or box.ipv6_route),
        ("the line", "đường truyền"),
        (
            "no default route: is the cable in, is the modem on?",
            "không có tuyến mặc định: cắm dây chưa, modem bật chưa?",
        ),
    ),
    _Rule(
        ("throughput", "latency", "path", "web"),
        lambda box: not box.ipv6_stack,
        ("IPv6", "IPv6"),
        ("this system has no IPv6, or it is switched off", "hệ điều hành không có IPv6 hoặc đã tắt"),
    ),
    _Rule(
        ("ipv6",),
        lambda box: not box.ipv6_stack,
        ("everything over IPv6", "mọi bước qua IPv6"),
        ("this system has no IPv6, or it is switched off", "hệ điều hành không có IPv6 hoặc đã tắt"),
    ),
    _Rule(
        ("throughput", "latency", "path", "web"),
        lambda box: box.ipv6_stack and not (box.ipv6_address and box.ipv6_route),
        ("IPv6", "IPv6"),
        (
            "no global IPv6 address with a route; `probe ipv6` says where it ends",
            "không có địa chỉ IPv6 toàn cục kèm tuyến; `probe ipv6` chỉ ra hỏng ở đâu",
        ),
    ),
    _Rule(
        ("ipv6",),
        lambda box: box.ipv6_stack and not box.raw,
        ("asking routers to announce", "hỏi bộ định tuyến"),
        (
            "no right to raw sockets; what the kernel has heard is used (root, or CAP_NET_RAW, can ask)",
            "không có quyền mở socket thô; chỉ dùng điều nhân đã nghe (cần root hoặc CAP_NET_RAW)",
        ),
    ),
    _Rule(
        ("latency", "path"),
        lambda box: box.ping is None,
        ("method icmp", "phương pháp icmp"),
        (
            "this user may not ping: allow its group in net.ipv4.ping_group_range, or run as root",
            "người dùng này không được ping: thêm nhóm vào net.ipv4.ping_group_range hoặc chạy bằng root",
        ),
    ),
    _Rule(
        ("latency",),
        lambda box: not box.kernel_times,
        ("the kernel's times", "giờ của nhân"),
        (
            "this kernel does not date packets; a busy box will look like a slow line",
            "nhân không ghi giờ gói tin; máy bận sẽ trông như đường truyền chậm",
        ),
    ),
    _Rule(
        ("latency",),
        lambda box: box.clock_synchronized is not True,
        ("delays of one direction", "độ trễ một chiều"),
        (
            "the clock is not known to be synchronised; switch on NTP",
            "không rõ đồng hồ đã đồng bộ; hãy bật NTP",
        ),
    ),
    _Rule(
        ("throughput",),
        lambda box: not box.tcp_account,
        ("early stop and retransmits", "dừng sớm và gửi lại"),
        ("this kernel tells nothing of its TCP connections", "nhân không cho biết về các kết nối TCP"),
    ),
    _Rule(
        ("throughput",),
        lambda box: "bbr" not in box.senders,
        ("upload with BBR", "tải lên bằng BBR"),
        (
            "this kernel has no BBR; lines with loss will take longer or stay in doubt (modprobe tcp_bbr)",
            "nhân không có BBR; đường truyền mất gói sẽ đo lâu hơn hoặc còn nghi ngờ (modprobe tcp_bbr)",
        ),
    ),
    _Rule(
        ("throughput",),
        lambda box: "iperf3" not in box.programs,
        ("peers of iperf3", "đầu kia iperf3"),
        ("the program iperf3 is not installed", "chưa cài chương trình iperf3"),
    ),
    _Rule(
        ("throughput",),
        lambda box: "speedtest" not in box.programs,
        ("peers of Ookla", "đầu kia Ookla"),
        ("speedtest-cli is not installed (linkgauge[ookla])", "chưa cài speedtest-cli (linkgauge[ookla])"),
    ),
    _Rule(
        ("throughput",),
        lambda box: not box.folder,
        ("this device's own ceiling", "giới hạn của chính thiết bị"),
        (
            "no folder to keep it in: set HOME or agent.data",
            "không có thư mục để lưu: đặt HOME hoặc agent.data",
        ),
    ),
    _Rule(
        ("dns",),
        lambda box: box.resolvers == 0,
        ("the site's resolvers", "máy chủ DNS của điểm đo"),
        ("/etc/resolv.conf names none", "/etc/resolv.conf không ghi máy chủ nào"),
    ),
    *(
        _Rule(("radio",), lambda box, state=state: box.modem == state, ("the modem", "modem"), why, ends=True)  # type: ignore[misc]
        for state, why in _MODEM.items()
        if state != "present"
    ),
)


def abilities(box: Box, kinds: tuple[str, ...], tongue: Language) -> list[Ability]:
    """Say for each kind whether it can run here, and what it will not be able to tell."""
    place = 0 if tongue == "en" else 1
    found = []
    for kind in kinds:
        rules = [rule for rule in _RULES if kind in rule.kinds and rule.holds(box)]
        state: State = "cannot" if any(rule.ends for rule in rules) else "limited" if rules else "runs"
        limits = tuple(Limit(rule.check[place], rule.why[place]) for rule in rules)
        found.append(Ability(kind, ABOUT[kind][place], state, limits))
    return found
