"""What is said at a terminal about names (DNS), pages (web) and portals, in English and Vietnamese. Texts only."""

from typing import Final

WORDS: Final[dict[str, tuple[str, str]]] = {
    "dns": ("Names (DNS)", "Tên miền (DNS)"),
    "web": ("Pages of public services", "Trang dịch vụ công"),
    "pages": ("Pages", "Các trang"),
    "portal": ("Sign-in page", "Trang đăng nhập"),
    "dns:first": ("This device's resolver", "Máy chủ DNS chính"),
    "dns:answered": ("{} of {} questions answered", "trả lời {} trên {} câu hỏi"),
    "dns:silent": ("does not answer", "không trả lời"),
    "dns:resolvers": ("Resolvers", "Các máy chủ DNS"),
    "dns:reference": ("for comparison", "để đối chiếu"),
    "dns:answers": ("Answers", "Câu trả lời"),
    "dns:true": ("agree with the reference", "khớp với máy chủ đối chiếu"),
    "dns:lies": ("not as the world knows it", "khác với câu trả lời ngoài Internet"),
    "dns:lie:nowhere": ("{0} is nobody's address", "{0} không thể là địa chỉ của ai"),
    "dns:lie:inside": (
        "{0}, an address inside this network; to compare with: {1}",
        "{0}, địa chỉ trong mạng nội bộ; máy đối chiếu: {1}",
    ),
    "dns:lie:no_name": ("no such name; to compare with: {1}", "không có tên này; máy đối chiếu: {1}"),
    "dns:lie:no_address": ("no address; to compare with: {1}", "không có địa chỉ; máy đối chiếu: {1}"),
    "dns:lie:invented": (
        "{0}, though there is no such name elsewhere",
        "{0}, trong khi máy đối chiếu không có tên này",
    ),
    "dns:lie:inside_alone": (
        "{0}, an address inside this network; elsewhere it has none",
        "{0}, địa chỉ trong mạng nội bộ; máy đối chiếu không có địa chỉ",
    ),
    "dns:uncompared": (
        "not compared: no other resolver is set for it (--reference ADDRESS)",
        "chưa đối chiếu: chưa đặt máy chủ khác để so (--reference ĐỊA_CHỈ)",
    ),
    "dns:itself": ("that resolver itself, or a filter before it", "chính máy chủ DNS đó, hoặc bộ lọc phía trước"),
    "dns:differ": ("the resolvers contradict each other", "các máy chủ DNS trả lời trái ngược nhau"),
    "dns:rewrites": (
        "names that do not exist lead somewhere (advertising or sign-in page)",
        "tên miền không tồn tại vẫn có địa chỉ (trang quảng cáo hoặc đăng nhập)",
    ),
    "dns:validates": ("checked by the resolver", "máy chủ DNS có kiểm tra"),
    "dns:passes": ("passed on, not checked", "được chuyển tiếp, không kiểm tra"),
    "dns:strips": ("do not come through", "không tới được thiết bị"),
    "dns:signatures": ("Signatures (DNSSEC)", "Chữ ký (DNSSEC)"),
    "web:came": ("{} of {} pages came", "mở được {} trên {} trang"),
    "web:first_byte": ("first byte {} ms", "byte đầu {} ms"),
    "web:days": ("certificate {} days", "chứng thư còn {} ngày"),
    "web:expired": ("certificate expired {} days ago", "chứng thư hết hạn {} ngày trước"),
    "web:cut": ("cut at {}", "chỉ đọc {}"),
    "web:redirects": ("redirects: {}", "chuyển hướng: {}"),
    "web:no_portal": ("none", "không có"),
    "web:stands": ("in the way", "đang chặn"),
    "web:untold": ("could not be told", "chưa xác định được"),
    "web:stage:connect": ("connecting to the page's server", "kết nối tới máy chủ của trang"),
    "web:stage:handshake": ("waiting for the page", "chờ trang trả lời"),
    "fault": ("Fault in", "Hỏng ở"),
}

ADVICE: Final[dict[str, tuple[str, str]]] = {
    "resolve:refused": (
        "nothing answers at the resolver in /etc/resolv.conf, or it refuses this device: is the address right?",
        "máy chủ DNS trong /etc/resolv.conf không chạy hoặc từ chối thiết bị này: địa chỉ có đúng không?",
    ),
    "resolve:timeout": (
        "the resolver in /etc/resolv.conf is silent: is it up, and does a firewall let port 53 through?",
        "máy chủ DNS trong /etc/resolv.conf không trả lời: có đang chạy không, tường lửa có mở cổng 53 không?",
    ),
    "resolve:no_address": (
        "the resolvers in /etc/resolv.conf; for a peer that is an address, try the other family: --family 4 or 6",
        "các máy chủ DNS trong /etc/resolv.conf; nếu máy đo ghi bằng địa chỉ, thử loại kia: --family 4 hoặc 6",
    ),
    "portal": (
        "sign in on that page once, or have this device exempted from it",
        "đăng nhập một lần trên trang đó, hoặc xin miễn đăng nhập cho thiết bị này",
    ),
    "dns:silent": (
        "is {} the right resolver (/etc/resolv.conf), and is it up? A firewall on port 53?",
        "{} có đúng là máy chủ DNS (/etc/resolv.conf) và đang chạy không? Tường lửa có chặn cổng 53 không?",
    ),
    "dns:nothing": (
        "{} answers, but with nothing of use: does it reach the internet, or does it let no name through?",
        "{} có trả lời nhưng không dùng được: máy chủ có ra được Internet không, hay chặn mọi tên miền?",
    ),
    "dns:lies": (
        "ask who runs {} why these names are answered so; known networks go into the option internal",
        "hỏi đơn vị vận hành {} vì sao trả lời như vậy; mạng đã biết thì ghi vào tùy chọn internal",
    ),
    "dns:rewrites": (
        "ask who runs {} to answer NXDOMAIN, or choose another resolver",
        "đề nghị đơn vị vận hành {} trả lời NXDOMAIN, hoặc chọn máy chủ khác",
    ),
    "web:resolve:no_route": (
        "is the cable in, and has this device an address?",
        "đã cắm dây và thiết bị có địa chỉ chưa?",
    ),
    "web:resolve": (
        "the resolver of this device: `linkgauge-agent probe dns` says more",
        "máy chủ DNS của thiết bị: `linkgauge-agent probe dns` cho biết thêm",
    ),
    "web:route": ("is the cable in, and has this device an address?", "đã cắm dây và thiết bị có địa chỉ chưa?"),
    "web:connect": (
        "does the page open on another line? If it does, a filter or the provider is in the way",
        "trang có mở được trên đường truyền khác không? Nếu có, do bộ lọc hoặc nhà mạng",
    ),
    "web:tls:bad_certificate": (
        "this device's clock; if it is right, tell the owner of the page, or look for a filter that opens encryption",
        "đồng hồ của thiết bị; nếu đúng, báo đơn vị chủ quản trang hoặc tìm bộ lọc giải mã",
    ),
    "web:tls": (
        "a filter on the way, or the page's own server; try another line",
        "bộ lọc trên đường đi hoặc chính máy chủ của trang; thử đường truyền khác",
    ),
    "web:peer": (
        "the line works; tell the owner of the page",
        "đường truyền hoạt động; báo đơn vị chủ quản trang",
    ),
    "web:": (
        "try again, and on another line: is it the page, or the way to it?",
        "thử lại, và thử trên đường truyền khác: do trang hay do đường truyền?",
    ),
}


def advise(keys: tuple[str, ...], tongue: str) -> str:
    """Give the first advice that there is for these keys; empty if there is none."""
    pairs = [ADVICE[key] for key in keys if key in ADVICE]
    return pairs[0][0 if tongue == "en" else 1] if pairs else ""
