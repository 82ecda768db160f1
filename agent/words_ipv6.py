"""What the agent says to people about IPv6, in English and Vietnamese: more than others have, so apart. Texts only."""

from typing import Final

WORDS: Final[dict[str, tuple[str, str]]] = {
    "packets": ("Full-size packets", "Gói tin cỡ lớn"),
    "way": ("The way", "Đường đi"),
    "ipv6:fault": ("Fault", "Lỗi"),
    "ipv6:race": ("Race", "IPv6 hay IPv4 nhanh hơn"),
    "ipv6:wins": ("{} wins", "{} thắng"),
    "ipv6:held": ("users wait {} ms for IPv6 first", "người dùng phải chờ IPv6 {} ms trước"),
    "ipv6:packets": ("Full-size packets", "Gói tin cỡ lớn"),
    "ipv6:both_ways": ("pass both ways", "đi qua được cả hai chiều"),
    "ipv6:vanish": ("vanish on the way (path MTU)", "bị mất trên đường (MTU)"),
    "ipv6:tunnel": ("Tunnel", "Đường hầm"),
    "ipv6:translation": ("IPv4 through IPv6", "IPv4 qua IPv6"),
    "ipv6:translated": ("the peer answers through it", "máy đo trả lời qua đó"),
    "ipv6:untranslated": ("the peer does not answer through it", "máy đo không trả lời qua đó"),
    "ipv6:router": ("Router says", "Bộ định tuyến báo"),
    "ipv6:no_router": ("is no way out", "không phải lối ra"),
    "ipv6:services": ("Public services", "Dịch vụ công"),
    "ipv6:reached": ("{} of {} reached over IPv6", "{}/{} tới được qua IPv6"),
    "ipv6:more": ("{} more are well", "{} bước khác đều tốt"),
    "ipv6:device": ("This device", "Thiết bị này"),
    "ipv6:portal": ("Sign-in page", "Trang đăng nhập"),
    "ipv6:last": ("last answer from {}", "trả lời cuối cùng: {}"),
    # The names of checks: what is looked at, neither good nor bad by itself.
    "check:device_ipv6": ("IPv6 on this device", "IPv6 trên thiết bị này"),
    "check:device_ipv6:no_address": (
        "switched off, or no address taken from the router",
        "bị tắt, hoặc không nhận địa chỉ từ bộ định tuyến",
    ),
    "check:address_ipv6:no_address": ("no global address", "không có địa chỉ toàn cục"),
    "check:address_ipv6": ("IPv6 address", "địa chỉ IPv6"),
    "check:default_route_ipv4": ("way out over IPv4", "đường ra IPv4"),
    "check:default_route_ipv6": ("way out over IPv6", "đường ra IPv6"),
    "check:router_advertisement": ("the router's IPv6 announcement", "bộ định tuyến quảng bá IPv6"),
    "check:dns_over_ipv4": ("name server over IPv4", "máy chủ tên miền qua IPv4"),
    "check:dns_over_ipv6": ("name server over IPv6", "máy chủ tên miền qua IPv6"),
    "check:dns_a_over_ipv4": ("name server over IPv4: IPv4 address", "máy chủ tên miền qua IPv4: địa chỉ IPv4"),
    "check:dns_a_over_ipv4_tcp": (
        "name server over IPv4, TCP: IPv4 address",
        "máy chủ tên miền qua IPv4, TCP: địa chỉ IPv4",
    ),
    "check:dns_a_over_ipv6": ("name server over IPv6: IPv4 address", "máy chủ tên miền qua IPv6: địa chỉ IPv4"),
    "check:dns_a_over_ipv6_tcp": (
        "name server over IPv6, TCP: IPv4 address",
        "máy chủ tên miền qua IPv6, TCP: địa chỉ IPv4",
    ),
    "check:dns_aaaa_over_ipv4": ("name server over IPv4: IPv6 address", "máy chủ tên miền qua IPv4: địa chỉ IPv6"),
    "check:dns_aaaa_over_ipv4_tcp": (
        "name server over IPv4, TCP: IPv6 address",
        "máy chủ tên miền qua IPv4, TCP: địa chỉ IPv6",
    ),
    "check:dns_aaaa_over_ipv6": ("name server over IPv6: IPv6 address", "máy chủ tên miền qua IPv6: địa chỉ IPv6"),
    "check:dns_aaaa_over_ipv6_tcp": (
        "name server over IPv6, TCP: IPv6 address",
        "máy chủ tên miền qua IPv6, TCP: địa chỉ IPv6",
    ),
    "check:resolve_ipv4": ("the peer's IPv4 address", "địa chỉ IPv4 của máy đo"),
    "check:resolve_ipv6": ("the peer's IPv6 address", "địa chỉ IPv6 của máy đo"),
    "check:route_ipv4": ("route to the peer over IPv4", "tuyến IPv4 tới máy đo"),
    "check:route_ipv6": ("route to the peer over IPv6", "tuyến IPv6 tới máy đo"),
    "check:connect_ipv4": ("connection over IPv4", "kết nối qua IPv4"),
    "check:connect_ipv6": ("connection over IPv6", "kết nối qua IPv6"),
    "check:race": ("race of IPv6 and IPv4", "so IPv6 với IPv4"),
    "check:transfer_ipv4": ("full-size packets over IPv4", "gói tin cỡ lớn qua IPv4"),
    "check:transfer_ipv6": ("full-size packets over IPv6", "gói tin cỡ lớn qua IPv6"),
    "check:nat64_prefix": ("translation to IPv4 (NAT64)", "chuyển đổi sang IPv4 (NAT64)"),
    "check:nat64_connect": ("connection through NAT64", "kết nối qua NAT64"),
    "check:captive_portal": ("sign-in page", "trang đăng nhập"),
    "check:tunnel": ("tunnel", "đường hầm"),
    "check:route_kept": ("way out over IPv6, at the end", "đường ra IPv6 khi kết thúc"),
    "check:way_ipv6": ("the way over IPv6", "đường đi qua IPv6"),
}

ADVICE: Final[dict[str, tuple[str, str]]] = {
    "ipv6:device_ipv6": (
        "this device itself, not the line: IPv6 is switched off or ignores the router (sysctl disable_ipv6, accept_ra)",
        "chính thiết bị này, không phải đường truyền: IPv6 bị tắt hoặc bỏ qua bộ định tuyến (disable_ipv6, accept_ra)",
    ),
    "ipv6:route_ipv6": (
        "the routes of this device: none of them leads to the peer",
        "các tuyến trên thiết bị này: không có tuyến nào tới máy đo",
    ),
    "ipv6:device:no_address": (
        "switch IPv6 on at the router (LAN side), or ask the provider for it: no address was advertised here",
        "bật IPv6 trên bộ định tuyến (phía mạng nội bộ), hoặc yêu cầu nhà mạng cấp: chưa có địa chỉ nào được quảng bá",
    ),
    "ipv6:route:no_route": (
        "the router: it gives addresses and is no way out; has its own line IPv6, and does its route stay?",
        "bộ định tuyến: có cấp địa chỉ nhưng không có lối ra; đường truyền của nó có IPv6 và ổn định không?",
    ),
    "ipv6:resolve:nodata": (
        "tell who runs the peer: its name has no IPv6 address (AAAA); the line is not to blame",
        "báo đơn vị vận hành máy đo: tên miền chưa có địa chỉ IPv6 (AAAA); không phải lỗi đường truyền",
    ),
    "ipv6:transfer:timeout": (
        "the MTU of the router's line (PPPoE 1492, tunnels 1480), and filters that eat ICMPv6 packet-too-big",
        "MTU đường ra của bộ định tuyến (PPPoE 1492, đường hầm 1480) và bộ lọc chặn ICMPv6 packet-too-big",
    ),
    "ipv6:dns_aaaa_over_ipv6": (
        "the name servers' IPv6 addresses that the router hands out: they do not answer, over IPv4 they do",
        "địa chỉ IPv6 của máy chủ tên miền do bộ định tuyến cấp: không trả lời, còn qua IPv4 thì có",
    ),
    "ipv6:tunnel": (
        "IPv6 comes through an old kind of tunnel: ask the provider for native IPv6",
        "IPv6 đi qua đường hầm kiểu cũ: yêu cầu nhà mạng cấp IPv6 trực tiếp",
    ),
    "ipv6:slower": (
        "IPv6 works and is slower than IPv4, so programs wait and then take IPv4: tell the provider",
        "IPv6 hoạt động nhưng chậm hơn IPv4 nên chương trình phải chờ rồi dùng IPv4: báo nhà mạng",
    ),
    "ipv6:broken": (
        "IPv6 on the router and at the provider; over IPv4 the same peer answers",
        "IPv6 trên bộ định tuyến và ở nhà mạng; qua IPv4 máy đo vẫn trả lời",
    ),
    "ipv6:tried": (
        "a peer on another machine, given by its name, lets both families be tried",
        "chọn máy đo ở thiết bị khác và ghi bằng tên miền để thử cả hai loại địa chỉ",
    ),
    "ipv6:lan:filtered": (
        "a filter (firewall) on the site's own router: it refuses IPv6 connections, and lets IPv4 through",
        "bộ lọc (tường lửa) trên bộ định tuyến của điểm: từ chối kết nối IPv6, còn IPv4 thì cho qua",
    ),
    "ipv6:provider:filtered": (
        "tell the provider: one of its filters refuses IPv6 to this peer; over IPv4 the peer answers",
        "báo nhà mạng: bộ lọc của nhà mạng từ chối IPv6 tới máy đo này; qua IPv4 máy đo vẫn trả lời",
    ),
    "ipv6:lan": (
        "IPv6 on the site's own router: it takes addresses for itself and does not pass packets on",
        "IPv6 trên bộ định tuyến của điểm: có địa chỉ nhưng không chuyển gói tin",
    ),
    "ipv6:access": (
        "tell the provider: the router answers over IPv6, nothing beyond the access line does",
        "báo nhà mạng: bộ định tuyến trả lời qua IPv6, bên kia đường truyền thuê bao thì không",
    ),
    "ipv6:provider": (
        "tell the provider: its first router answers over IPv6, what lies behind it does not; IPv4 works",
        "báo nhà mạng: bộ định tuyến đầu tiên trả lời qua IPv6, phía sau thì không; qua IPv4 máy đo vẫn trả lời",
    ),
    "ipv6:destination": (
        "tell who runs the peer: others answer over IPv6, or the peer itself refuses it; the line is not to blame",
        "báo đơn vị vận hành máy đo: nơi khác trả lời qua IPv6, hoặc chính máy đo từ chối; không phải lỗi đường truyền",
    ),
}
