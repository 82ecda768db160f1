"""What the agent says to people at a terminal, in English and Vietnamese. Texts only; terminal.py lays them out."""

from collections.abc import Iterable, Mapping
from typing import Final, Literal

from agent import words_ipv6, words_loaded, words_radio, words_services
from agent.wire.failure import Failure
from agent.wire.results import Ipv6

Language = Literal["en", "vi"]
_FILTERED: Final = ("prohibited", "refused", "reset")
_SLOW: Final = 7
"""The score of an IPv6 that works, and slower or by a tunnel."""


def language(environment: Mapping[str, str]) -> Language:
    """Choose by the locale's rules: LC_ALL, LC_MESSAGES, LANG."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if environment.get(name):
            return "vi" if environment[name].lower().startswith("vi") else "en"
    return "en"


def say(key: str, tongue: Language) -> str:
    """Give the text for a key; a word that nobody has translated speaks for itself."""
    pair = _WORDS.get(key)
    if pair is None:
        return key.partition(":")[2].replace("_", " ") if ":" in key else key.replace("_", " ")
    return pair[0] if tongue == "en" else pair[1]


def say_why(check: str, reason: str, tongue: Language) -> str:
    """Give the text for why a check failed: its own where the reason alone would say too little."""
    own = f"check:{check}:{reason}"
    return say(own if own in _WORDS else f"reason:{reason}", tongue)


def advice(failure: Failure, tongue: Language, *, peer: str | None = None, kind: str = "") -> str:
    """Say what to check: for this kind of peer or test, else this stage and reason, else the reason, else the stage.

    `peer`: the URL that was asked for. Nobody has misspelt the name of a service that the program knows itself.
    """
    service = (peer or "").partition(":")[0]
    own = f"{service}/{failure.stage}"
    both = f"{failure.stage}:{failure.reason}"
    return _advice((own, f"{kind}/{both}", both, failure.reason, f"{failure.stage}:"), tongue)


def advice_on_ipv6(result: Ipv6, tongue: Language, *, tried_one: bool) -> str:
    """Say what to check about IPv6, if anything; `tried_one`: the peer was such that not both families could be tried.

    By what decided; of a peer that was not reached over IPv4 either, by the part of the way at fault, or as of any
    other failure.
    """
    filtered = f"ipv6:{result.domain}:filtered" if result.reason in _FILTERED else ""
    step = (f"ipv6:{result.decided_by}", f"ipv6:{result.stage}:{result.reason}")
    decided = (*step, filtered, f"ipv6:{result.domain}")
    near = result.stage == "resolve" and result.domain in {"lan", "access"}
    if result.status == "none" and result.domain and (near or result.stage == "connect"):
        return advice_on_path(result.domain, tongue, reason=result.reason or "")
    if result.stage and result.reason and (result.status == "none" or result.reason == "captive_portal"):
        return _advice_on_nothing(Failure(result.stage, result.reason), result, decided, tongue)
    if result.status != "none" and not tried_one and (said := _advice(decided, tongue)):
        return said
    if result.score is not None and result.score == _SLOW and not tried_one:
        return _advice(("ipv6:tunnel" if result.tunnel in {"6to4", "teredo"} else "ipv6:slower",), tongue)
    if result.status == "none":
        failed = [check for check in result.checks or [] if not check.ok and check.stage and check.reason]
        return advice(Failure(failed[-1].stage or "", failed[-1].reason or ""), tongue) if failed else ""
    return _advice(("ipv6:tried" if tried_one else f"ipv6:{result.status}",), tongue)


def _advice_on_nothing(failure: Failure, result: Ipv6, decided: Iterable[str], tongue: Language) -> str:
    """Say what to check where neither family led to the peer, or to a sign-in page only.

    Both were tried, so the other one is no advice; and without any way out the cable comes before IPv6.
    """
    if failure.reason != "no_address":
        return advice(failure, tongue)
    out = any(check.ok for check in result.checks or [] if check.name.startswith("default_route_"))
    return _advice(decided, tongue) if out else advice(Failure("route", "no_route"), tongue)


def advice_on_doubt(doubt: str, tongue: Language) -> str:
    """Say what a doubt means for the figure, and what to do; nothing about a word of later."""
    return _advice((f"doubt:{doubt}",), tongue)


def advice_on_path(domain: str | None, tongue: Language, *, reason: str = "") -> str:
    """Say what to check about a way that ends before the peer: in the part at fault, or what to find out first."""
    filtered = domain is not None and reason in {"prohibited", "refused"}
    return _advice(("part:filter",) if filtered else (f"part:{domain}", "part:"), tongue)


def advice_on_radio(trouble: str, tongue: Language) -> str:
    """Say what to do about a modem that hears nothing, or is not told from; nothing where nothing is wrong."""
    return _advice((f"radio:{trouble}",), tongue)


def _advice(keys: Iterable[str], tongue: Language) -> str:
    pairs = [_ADVICE[key] for key in keys if key in _ADVICE]
    return pairs[0][0 if tongue == "en" else 1] if pairs else ""


_WORDS: Final[dict[str, tuple[str, str]]] = {
    "abilities": ("What this device can measure", "Thiết bị này đo được gì"),
    "ability:runs": ("can run", "chạy được"),
    "ability:limited": ("can run, but not all of it", "chạy được, nhưng không đủ"),
    "ability:cannot": ("cannot run here", "không chạy được ở đây"),
    "ability:more": (
        "linkgauge-agent probe KIND --list tells what a kind does, and its options",
        "linkgauge-agent probe KIND --list cho biết phép đo làm gì và các tuỳ chọn",
    ),
    "throughput": ("Throughput", "Tốc độ đường truyền"),
    "latency": ("Latency", "Độ trễ"),
    "ipv6": ("IPv6", "IPv6"),
    "download": ("Download", "Tải xuống"),
    "upload": ("Upload", "Tải lên"),
    "peer": ("Peer", "Máy đo đầu kia"),
    "line": ("Through", "Qua"),
    "over": ("over", "qua"),
    "when": ("Measured", "Thời điểm đo"),
    "took": ("took", "đo trong"),
    "idle": ("Delay at rest", "Độ trễ khi rỗi"),
    "loaded": ("under load", "khi tải"),
    "again": ("{} sent again", "gửi lại {}"),
    "router": ("First router", "Bộ định tuyến"),
    "streams": ("{} streams", "{} luồng"),
    "stream": ("{} stream", "{} luồng"),
    "loopback": ("loopback, inside this device", "nội bộ, trong chính thiết bị"),
    "ramp": ("ramp {} s", "tăng tốc {} s"),
    "early_said": (
        "full length on purpose: stopping early would have said {} ({}) after {} s and {}",
        "cố ý đo đủ thời gian: dừng sớm sẽ cho {} ({}) sau {} s và {}",
    ),
    "stop:converged": ("settled after", "ổn định sau"),
    "stop:budget": ("data budget used up after", "hết hạn mức dữ liệu sau"),
    "stop:time": ("ran for the whole", "đo đủ"),
    "stop:peer": ("the peer ended it after", "đầu kia kết thúc sau"),
    "stop:error": ("failed after", "lỗi sau"),
    "device": ("Device", "Thiết bị"),
    "cpu": ("CPU {} of a core", "CPU {} một nhân"),
    "cpu_all": ("{} of all cores", "{} mọi nhân"),
    "cpu_wait": ("{} waiting", "chờ {}"),
    "ceiling": ("can do {} Mbit/s", "tối đa {} Mbit/s"),
    "others": ("others {} Mbit/s", "lưu lượng khác {} Mbit/s"),
    "peer_busy": ("{} of its places or CPU in use", "đang dùng {} số chỗ hoặc CPU"),
    "looking": ("Getting ready", "Chuẩn bị"),
    "rtt": ("Round trip", "Khứ hồi"),
    "median": ("median", "trung vị"),
    "jitter": ("Jitter", "Biến động trễ"),
    "lost": ("Lost", "Mất gói"),
    "of": ("of", "trên"),
    "ways": ("there {}, back {}", "chiều đi {}, chiều về {}"),
    "packets:late": ("came too late", "đến quá muộn"),
    "packets:reordered": ("out of order", "sai thứ tự"),
    "packets:duplicate": ("came twice", "bị lặp"),
    "packets:foreign": ("that were no answer", "không phải trả lời"),
    "call": ("A call", "Cuộc gọi"),
    "call:80": ("a video lesson or consultation is fine", "học và khám bệnh trực tuyến đều tốt"),
    "call:70": ("a video lesson is usable, some will complain", "học trực tuyến được, đôi khi khó chịu"),
    "call:60": ("a video lesson is a strain, many will complain", "học trực tuyến khó nghe, nhiều người phàn nàn"),
    "call:50": ("poor: nearly everyone will complain", "kém: hầu như ai cũng phàn nàn"),
    "call:0": ("no lesson or consultation is possible", "không thể học hay khám bệnh trực tuyến"),
    "method:stamp": ("STAMP packets", "gói đo STAMP"),
    "method:icmp": ("ping (ICMP)", "ping (ICMP)"),
    "method:tcp": ("time to connect (TCP)", "thời gian kết nối (TCP)"),
    "stamps:kernel": ("times by the kernel", "giờ do nhân ghi"),
    "stamps:program": (
        "times by the program: a busy box adds to them",
        "giờ do chương trình ghi: máy bận sẽ cộng thêm",
    ),
    "stamps:None": ("", ""),
    "state": ("State", "Tình trạng"),
    "score": ("Score", "Điểm"),
    "addresses": ("Addresses", "Địa chỉ"),
    "checks": ("Checks", "Các bước kiểm tra"),
    "connect": ("Connect", "Kết nối"),
    "method": ("Method", "Phương pháp"),
    "doubts": ("Doubts", "Nghi ngờ"),
    "failed": ("failed", "thất bại"),
    "where": ("Where", "Ở bước"),
    "why": ("Why", "Lý do"),
    "words": ("In words", "Chi tiết"),
    "check": ("Check", "Cần kiểm tra"),
    "each_bar": ("each bar {} s", "mỗi cột {} s"),
    "yes": ("yes", "có"),
    "no": ("no", "không"),
    "never": ("never", "chưa bao giờ"),
    "unknown": ("unknown", "chưa rõ"),
    "agent": ("Agent", "Thiết bị đo"),
    "service": ("Service", "Dịch vụ"),
    "running": ("running since {}", "đang chạy từ {}"),
    "not_running": ("not running; last word at {}", "không chạy; tin cuối lúc {}"),
    "broker": ("Broker", "Máy chủ nhận"),
    "connected": ("connected since {}", "đã kết nối từ {}"),
    "disconnected": ("not connected since {}", "mất kết nối từ {}"),
    "queue": ("Queue", "Hàng đợi"),
    "waiting": ("{} without receipt, {} dropped", "{} chưa có biên nhận, {} đã bỏ"),
    "clock": ("Clock", "Đồng hồ"),
    "synchronized": ("synchronized", "đã đồng bộ"),
    "not_synchronized": ("not synchronized", "chưa đồng bộ"),
    "schedule": ("Profile", "Lịch đo"),
    "next": ("Next", "Lần đo tới"),
    "recent": ("Last reports", "Báo cáo gần nhất"),
    "trouble": ("Trouble", "Sự cố"),
    "software": ("Software", "Phần mềm"),
    "now_measuring": ("Measuring", "Đang đo"),
    "status:small_only": ("IPv6 connects, and loses large packets", "IPv6 kết nối được nhưng mất gói tin lớn"),
    "status:dual_stack": ("IPv4 and IPv6 both work", "IPv4 và IPv6 đều hoạt động"),
    "status:ipv4_only": ("IPv4 only, no IPv6", "Chỉ có IPv4, chưa có IPv6"),
    "status:ipv6_only": ("IPv6 only", "Chỉ có IPv6"),
    "status:broken": ("IPv6 is there but does not work", "Có IPv6 nhưng không hoạt động"),
    "status:none": ("the peer was not reached", "Không tới được máy đo đầu kia"),
    "tried:ipv4_only": ("IPv4 works; IPv6 was not tried", "IPv4 hoạt động; chưa thử IPv6"),
    "tried:ipv6_only": ("IPv6 works; IPv4 was not tried", "IPv6 hoạt động; chưa thử IPv4"),
    "path": ("Path", "Đường đi"),
    "path:reached": ("reached at distance {}", "tới được đích, ở chặng {}"),
    "path:answered": (
        "the peer answers, though not all of the way shows",
        "máy đo có trả lời, dù không dò được hết đường đi",
    ),
    "path:ends": ("ends at distance {}", "dừng ở chặng {}"),
    "path:nobody": ("nobody on the way answers", "không nơi nào trên đường đi trả lời"),
    "path:remembered": (
        "no name server answers: asked at its last known address",
        "máy chủ tên miền không trả lời: hỏi theo địa chỉ biết lần trước",
    ),
    "path:changed": ("another way than before", "đường đi khác các lần trước"),
    "path:whose": ("Fault in", "Hỏng ở"),
    "path:unknown": ("cannot be told", "chưa xác định được"),
    "path:silent": ("no answer", "không trả lời"),
    "path:beyond": ("beyond {}", "sau {}"),
    "path:said": ("{} says so", "{} báo như vậy"),
    "path:far": ("Provider's router", "Bộ định tuyến nhà mạng"),
    "part:lan": ("Site's own network", "Mạng nội bộ"),
    "part:access": ("Access line", "Đường truyền thuê bao"),
    "part:provider": ("Provider", "Nhà mạng"),
    "part:destination": ("Destination", "Đích"),
    "names": ("Names (DNS)", "Tên miền (DNS)"),
    "connects": ("Connections", "Kết nối"),
    "done": ("Done", "Xong"),
    "stage:device": ("on this device", "trên chính thiết bị này"),
    "stage:resolve": ("looking up the name (DNS)", "phân giải tên miền (DNS)"),
    "stage:route": ("finding a way out of this device", "tìm đường ra khỏi thiết bị"),
    "stage:connect": ("connecting to the peer", "kết nối tới máy đo đầu kia"),
    "stage:tls": ("setting up encryption (TLS)", "thiết lập mã hóa (TLS)"),
    "stage:handshake": ("agreeing on the test with the peer", "thỏa thuận phép đo với đầu kia"),
    "stage:transfer": ("moving data", "truyền dữ liệu"),
    "stage:peer": ("at the peer", "tại máy đo đầu kia"),
    "reason:timeout": ("no answer in time", "không có trả lời trong thời hạn"),
    "reason:refused": ("refused", "bị từ chối"),
    "reason:unreachable": ("cannot be reached", "không tới được"),
    "reason:prohibited": ("forbidden by a filter", "bị bộ lọc chặn"),
    "reason:reset": ("the connection was cut", "kết nối bị ngắt"),
    "reason:closed": ("the connection was closed too early", "kết nối bị đóng quá sớm"),
    "reason:nxdomain": ("there is no such name", "không có tên miền này"),
    "reason:servfail": ("the name server does not work", "máy chủ tên miền bị lỗi"),
    "reason:nodata": ("the name has no address of this kind", "tên miền không có loại địa chỉ này"),
    "reason:lie": ("the answer is not true", "câu trả lời không đúng sự thật"),
    "reason:bad_certificate": ("the certificate is not valid", "chứng thư không hợp lệ"),
    "reason:protocol": ("the answer was not understood", "không hiểu được câu trả lời"),
    "reason:busy": ("the peer is busy", "máy đo đầu kia đang bận"),
    "reason:no_route": ("no route", "không có tuyến đường"),
    "reason:no_address": ("no address of this kind", "không có địa chỉ loại này"),
    "reason:no_interface": ("no network interface", "không có giao diện mạng"),
    "reason:no_permission": ("not permitted", "không đủ quyền"),
    "reason:no_hardware": ("no such hardware", "không có phần cứng"),
    "reason:captive_portal": ("a sign-in page is in the way", "bị trang đăng nhập chặn"),
    "reason:dropped": ("packets are dropped", "gói tin bị bỏ"),
    "reason:budget": ("the budget of data is used up", "đã hết hạn mức dữ liệu"),
    "reason:internal": ("a fault in this program", "lỗi của chương trình này"),
    "doubt:cpu_bound": ("this device's CPU was the limit", "bị giới hạn bởi CPU của thiết bị"),
    "doubt:nic_bound": ("the network port was the limit", "bị giới hạn bởi cổng mạng"),
    "doubt:wifi_bound": ("Wi-Fi was the limit", "bị giới hạn bởi Wi-Fi"),
    "doubt:cross_traffic": ("others used the line meanwhile", "có lưu lượng khác cùng lúc"),
    "doubt:peer_bound": ("the peer was the limit", "bị giới hạn bởi máy đo đầu kia"),
    "doubt:budget_cut": ("cut short by the budget", "bị dừng sớm do hạn mức"),
    "doubt:clock_unset": ("the clock is not set", "đồng hồ chưa được đặt"),
    "doubt:not_converged": ("the rate did not settle", "tốc độ chưa ổn định"),
    "doubt:tunnel": ("through a tunnel", "đi qua đường hầm"),
    "doubt:captive_portal": ("a sign-in page is in the way", "bị trang đăng nhập chặn"),
    "doubt:thermal": ("the device was too hot", "thiết bị quá nóng"),
    "doubt:undervoltage": ("the power supply is too weak", "nguồn điện quá yếu"),
    "doubt:method_reference_only": ("for reference only", "chỉ để tham khảo"),
    **words_ipv6.WORDS,
    **words_loaded.WORDS,
    **words_radio.WORDS,
    **words_services.WORDS,
}

_MLAB: Final = (
    "cannot reach M-Lab's locate service: is there internet, does DNS work?",
    "không tới được dịch vụ định vị của M-Lab: có internet không, DNS có hoạt động không?",
)
_OOKLA: Final = (
    "cannot reach speedtest.net: is there internet, does DNS work?",
    "không tới được speedtest.net: có internet không, DNS có hoạt động không?",
)
_ADVICE: Final[dict[str, tuple[str, str]]] = {
    "mlab/resolve": _MLAB,
    "mlab/route": _MLAB,
    "mlab/connect": _MLAB,
    "ookla/resolve": _OOKLA,
    "ookla/route": _OOKLA,
    "ookla/connect": _OOKLA,
    "connect:refused": (
        "is the peer running, and is the port right?",
        "máy đo đầu kia có đang chạy và đúng cổng không?",
    ),
    "connect:timeout": (
        "is the peer up, and does a firewall let this port through?",
        "máy đo đầu kia có hoạt động và tường lửa có mở cổng này không?",
    ),
    "tls:protocol": (
        "does this port speak TLS? Without it the peer is msak+ws://HOST:8080",
        "cổng này có dùng TLS không? Nếu không, ghi máy đo là msak+ws://HOST:8080",
    ),
    "handshake:closed": (
        "the port, and whether it wants TLS: then the peer is msak+wss://HOST:4443",
        "cổng, và cổng có đòi TLS không: nếu có, ghi máy đo là msak+wss://HOST:4443",
    ),
    "handshake:timeout": (
        "the peer takes connections and says nothing: is it stuck, or is another service on this port?",
        "máy đo nhận kết nối nhưng không trả lời: bị treo, hay cổng này là của dịch vụ khác?",
    ),
    "doubt:cpu_bound": (
        "the line may be faster than this box: stop other programs, choose plain msak+ws:// or a stronger box",
        "đường truyền có thể nhanh hơn thiết bị: tắt chương trình khác, dùng msak+ws:// hoặc thiết bị mạnh hơn",
    ),
    "doubt:nic_bound": (
        "the line may be faster: a gigabit port and a Cat 5e cable, full duplex at both ends",
        "đường truyền có thể nhanh hơn: dùng cổng gigabit, cáp Cat 5e, song công ở cả hai đầu",
    ),
    "doubt:wifi_bound": (
        "this is the Wi-Fi, not the line: connect by cable, or stand nearer to the access point",
        "đây là tốc độ Wi-Fi, không phải đường truyền: cắm dây hoặc lại gần điểm phát",
    ),
    "doubt:cross_traffic": (
        "the line carried more than this: stop downloads and video, or measure when nobody is there",
        "đường truyền tải nhiều hơn mức này: ngừng tải và xem video, hoặc đo khi không có người dùng",
    ),
    "doubt:peer_bound": (
        "the line may be faster than the far end: try later, or a peer that is less busy and sets no pace",
        "đường truyền có thể nhanh hơn đầu kia: đo lại sau, hoặc chọn máy đo rảnh hơn, không giới hạn tốc độ",
    ),
    "doubt:budget_cut": (
        "a lower bound, no more: allow more with --max-bytes",
        "chỉ là mức tối thiểu: cho phép nhiều dữ liệu hơn bằng --max-bytes",
    ),
    "doubt:clock_unset": (
        "the time of this result is not known: let the device reach a time server (NTP)",
        "chưa rõ thời điểm đo: cho thiết bị kết nối máy chủ giờ (NTP)",
    ),
    "doubt:not_converged": (
        "no steady rate: loss or a changing line; run again, and look at the plot and at what was sent again",
        "không có tốc độ ổn định: mất gói hoặc đường truyền thay đổi; đo lại, xem biểu đồ và tỷ lệ gửi lại",
    ),
    "doubt:tunnel": (
        "this is the way through the tunnel (VPN): switch it off to measure the line itself",
        "đây là tốc độ qua đường hầm (VPN): tắt VPN để đo chính đường truyền",
    ),
    "doubt:captive_portal": (
        "sign in on that page once, or have this device exempted from it",
        "đăng nhập một lần trên trang đó, hoặc xin miễn đăng nhập cho thiết bị này",
    ),
    "doubt:thermal": (
        "the processor slowed itself down: give the box air or a heat sink",
        "bộ xử lý tự giảm tốc: để thiết bị thoáng hoặc gắn tản nhiệt",
    ),
    "doubt:undervoltage": (
        "the board slowed itself down: use the maker's power supply and a short cable",
        "bo mạch tự giảm tốc: dùng bộ nguồn của nhà sản xuất và dây ngắn",
    ),
    "doubt:method_reference_only": (
        "this method proves nothing about the line: measure with msak or ndt7 for a verdict",
        "phương pháp này không chứng minh được gì: đo bằng msak hoặc ndt7 để kết luận",
    ),
    "part:lan": (
        "this site's own: is the router on, the cable in, the Wi-Fi joined? A filter on the router?",
        "mạng nội bộ: bộ định tuyến có bật, dây có cắm, Wi-Fi có kết nối, bộ định tuyến có chặn không?",
    ),
    "part:access": (
        "the lights of the modem and its cable; then call the provider: the router works, nothing beyond it does",
        "đèn báo và dây của modem; rồi gọi nhà mạng: bộ định tuyến hoạt động nhưng bên ngoài không trả lời",
    ),
    "part:provider": (
        "tell the provider: its first router answers, what lies behind it does not",
        "báo nhà mạng: bộ định tuyến đầu tiên của nhà mạng trả lời, phía sau thì không",
    ),
    "part:destination": (
        "the line works; tell who runs the peer, or choose another one",
        "đường truyền hoạt động; báo đơn vị vận hành máy đo hoặc chọn máy đo khác",
    ),
    "part:filter": (
        "a filter forbids it there: ask who runs that router to let the peer's address and port pass",
        "có bộ lọc chặn tại đó: đề nghị nơi quản lý bộ định tuyến ấy cho qua địa chỉ và cổng của máy đo",
    ),
    "part:": (
        "is the peer up? Another peer, or the option others, tells its fault from the line's",
        "máy đo có hoạt động không? Thử máy đo khác hoặc đặt tùy chọn others để biết lỗi do đâu",
    ),
    **words_ipv6.ADVICE,
    **words_services.ADVICE,
    **words_radio.ADVICE,
    "transfer:timeout": (
        "the line may have gone dead in mid-test: cable, modem, signal; then try again",
        "đường truyền có thể đã mất giữa chừng: dây, modem, tín hiệu; rồi đo lại",
    ),
    "refused": ("is the service running, and is the port right?", "dịch vụ có đang chạy và đúng cổng không?"),
    "unreachable": ("cable, router, and whether the peer is up", "dây, bộ định tuyến và máy đo đầu kia"),
    "prohibited": ("firewall on this device and on the way", "tường lửa trên thiết bị và trên đường đi"),
    "nxdomain": ("the spelling of the peer's name", "cách viết tên máy đo đầu kia"),
    "servfail": ("the name server in /etc/resolv.conf", "máy chủ tên miền trong /etc/resolv.conf"),
    "nodata": ("try the other family: --family 4 or 6", "thử loại địa chỉ kia: --family 4 hoặc 6"),
    "bad_certificate": (
        "the peer's name, its certificate, this device's clock, and the CA to trust (--ca FILE)",
        "tên máy đo đầu kia, chứng thư của nó, đồng hồ của thiết bị và tệp CA được tin cậy (--ca FILE)",
    ),
    "busy": ("nothing is wrong with the line; try again in a minute", "đường truyền không lỗi; thử lại sau một phút"),
    "no_route": ("is the cable in, and has this device an address?", "đã cắm dây và thiết bị có địa chỉ chưa?"),
    "no_address": ("try the other family: --family 4 or 6", "thử loại địa chỉ kia: --family 4 hoặc 6"),
    "no_interface": ("is the cable in, or Wi-Fi or the modem on?", "đã cắm dây, bật Wi-Fi hay modem chưa?"),
    "budget": ("allow more: --max-bytes, --max-seconds", "cho phép nhiều hơn: --max-bytes, --max-seconds"),
    "no_permission": ("run as the service's user, or as root", "chạy bằng người dùng của dịch vụ hoặc root"),
    "captive_portal": (
        "sign in on that page once, or have this device exempted from it",
        "đăng nhập một lần trên trang đó, hoặc xin miễn đăng nhập cho thiết bị này",
    ),
    "protocol": ("is there really a measurement peer at this address?", "địa chỉ này có thật là máy đo không?"),
    "internal": ("run again with --debug and report what it prints", "chạy lại với --debug và gửi nội dung in ra"),
    "device:": ("this device; the line was not measured", "thiết bị này; đường truyền chưa được đo"),
    "resolve:": ("the name server in /etc/resolv.conf", "máy chủ tên miền trong /etc/resolv.conf"),
    "route:": ("is the cable in, and has this device an address?", "đã cắm dây và thiết bị có địa chỉ chưa?"),
    "connect:": ("is the peer up, and the port right?", "máy đo đầu kia có hoạt động và đúng cổng không?"),
    "tls:": ("does the peer speak TLS on this port?", "máy đo đầu kia có dùng TLS ở cổng này không?"),
    "handshake:": (
        "is there really a measurement peer at this address?",
        "địa chỉ này có thật là máy đo không?",
    ),
    "transfer:": (
        "the line itself: cable, modem, signal; then try again",
        "đường truyền: dây, modem, tín hiệu; rồi đo lại",
    ),
    "peer:": ("the peer's log; the line is not to blame", "nhật ký của máy đo đầu kia; không phải do đường truyền"),
}
