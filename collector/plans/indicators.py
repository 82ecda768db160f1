"""The vocabulary of indicators: id, unit and name of everything that a plan can promise or somebody reports. Pure.

A plan that needs more names them itself (`[[indicators]]`). The unit is the one of its values everywhere: in plans,
in imported figures, on pages. Ids that differ only in what they count (`new_base_stations_4g`) stand for themselves.
"""

from collections.abc import Iterable
from typing import Final

from collector.plans.types import Indicator, Plan, Text, Unit


def _of(name: str, unit: Unit, vi: str, en: str) -> Indicator:
    return Indicator(id=name, unit=unit, name=Text(vi=vi, en=en))


_SPEEDS: Final = (
    _of("download_mbps", "Mbps", "Tốc độ tải xuống", "Download speed"),
    _of("upload_mbps", "Mbps", "Tốc độ tải lên", "Upload speed"),
    _of("ipv6", "percent", "Chuyển đổi sang IPv6", "Moved to IPv6"),
    _of("iot_low_latency", "done", "Kết nối IoT độ trễ thấp sẵn sàng", "Low-latency IoT connectivity ready"),
)

_COVERAGE: Final = (
    _of("villages_mobile_coverage", "percent", "Thôn có phủ sóng băng rộng di động", "Villages with mobile broadband"),
    _of("villages_fixed_coverage", "percent", "Thôn có cáp quang băng rộng", "Villages with fixed broadband (fibre)"),
    _of(
        "population_mobile_coverage", "percent", "Dân số được phủ băng rộng di động", "Population with mobile broadband"
    ),
    _of("population_5g_coverage", "percent", "Dân số được phủ sóng 5G", "Population covered by 5G"),
    _of("residential_areas_5g_coverage", "percent", "Khu dân cư được phủ sóng 5G", "Residential areas covered by 5G"),
    _of(
        "systems_on_dedicated_network",
        "percent",
        "Hệ thống dùng chung kết nối mạng truyền số liệu chuyên dùng, liên thông 4 cấp",
        "Shared systems on the dedicated data network, linked on four levels",
    ),
)

_SUBSCRIPTIONS: Final = (
    _of(
        "mobile_subscriptions_per_100", "per_100_people", "Thuê bao băng rộng di động", "Mobile broadband subscriptions"
    ),
    _of("fixed_subscriptions_per_100", "per_100_people", "Thuê bao băng rộng cố định", "Fixed broadband subscriptions"),
    _of(
        "smartphone_share_of_subscriptions",
        "percent",
        "Thuê bao di động dùng điện thoại thông minh",
        "Mobile subscriptions with a smartphone",
    ),
    _of("adults_with_smartphone", "percent", "Người trưởng thành có điện thoại thông minh", "Adults with a smartphone"),
    _of("households_fixed_broadband", "percent", "Hộ gia đình có băng rộng cố định", "Households with fixed broadband"),
    _of("households_fibre", "percent", "Hộ gia đình có cáp quang", "Households with a fibre line"),
    _of(
        "households_fibre_available",
        "percent",
        "Hộ gia đình có thể dùng cáp quang khi có nhu cầu",
        "Households able to get fibre when they ask",
    ),
    _of(
        "mobile_data_per_month",
        "GB",
        "Dữ liệu bình quân mỗi thuê bao di động một tháng",
        "Mobile data per subscription and month",
    ),
    _of("iot_devices_per_100", "per_100_people", "Thiết bị IoT", "IoT devices"),
    _of(
        "people_with_payment_account",
        "percent",
        "Dân số có tài khoản thanh toán điện tử",
        "People with an electronic payment account",
    ),
)

_NETWORK: Final = (
    _of("base_stations_shared", "percent", "Vị trí BTS dùng chung", "Base station sites shared between operators"),
    _of("new_base_stations_shared", "percent", "Trạm BTS mới dùng chung", "New base stations that are shared"),
    _of("new_masts_shared", "percent", "Cột ăng ten mới dùng chung", "New antenna masts that are shared"),
    _of("masts_unobtrusive", "percent", "Cột ăng ten không cồng kềnh", "Unobtrusive antenna masts"),
    _of(
        "masts_unobtrusive_centres",
        "percent",
        "Cột ăng ten thân thiện cảnh quan ở đô thị, khu du lịch, khu công nghiệp",
        "Unobtrusive masts in towns, parks and tourist areas",
    ),
    _of("new_base_stations", "count", "Trạm thu phát sóng xây mới", "New base stations"),
    _of("new_base_stations_4g", "count", "Trạm 4G xây mới", "New 4G base stations"),
    _of("new_base_stations_5g", "count", "Trạm 5G xây mới", "New 5G base stations"),
    _of("new_base_stations_islands", "count", "Trạm xây mới phủ sóng biển đảo", "New base stations for islands"),
    _of("mobile_station_radius", "km", "Bán kính phục vụ của một trạm di động", "Radius served by one mobile station"),
    _of("cables_underground_new_areas", "percent", "Ngầm hóa cáp ở khu mới", "Cables underground, new areas"),
    _of("cables_underground_old_areas", "percent", "Ngầm hóa cáp ở khu cũ", "Cables underground, old areas"),
    _of(
        "infrastructure_iot_ready",
        "percent",
        "Hạ tầng thiết yếu có khả năng tích hợp cảm biến IoT",
        "Essential infrastructure able to take IoT sensors",
    ),
)

_CLOUD: Final = (
    _of(
        "provincial_systems_on_cloud",
        "percent",
        "Hệ thống dùng chung cấp tỉnh dùng điện toán đám mây",
        "Shared provincial systems using cloud",
    ),
    _of("state_bodies_on_cloud", "percent", "Cơ quan nhà nước dùng điện toán đám mây", "State bodies using cloud"),
    _of("enterprises_on_cloud", "percent", "Doanh nghiệp dùng điện toán đám mây", "Enterprises using cloud"),
    _of(
        "enterprises_on_domestic_cloud",
        "percent",
        "Doanh nghiệp dùng điện toán đám mây trong nước",
        "Enterprises using domestic cloud",
    ),
    _of(
        "state_bodies_on_platforms", "percent", "Cơ quan nhà nước dùng nền tảng số", "State bodies on digital platforms"
    ),
    _of("enterprises_on_platforms", "percent", "Doanh nghiệp dùng nền tảng số", "Enterprises on digital platforms"),
    _of(
        "cloud_accounts_per_adult", "per_person", "Tài khoản đám mây mỗi người trưởng thành", "Cloud accounts per adult"
    ),
    _of("cloud_accounts_per_person", "per_person", "Tài khoản đám mây mỗi người dân", "Cloud accounts per person"),
)

_PUBLISHED: Final = (
    _of("ispeed_fixed_download_mbps", "Mbps", "i-Speed: cố định, tải xuống", "i-Speed: fixed, download"),
    _of("ispeed_fixed_upload_mbps", "Mbps", "i-Speed: cố định, tải lên", "i-Speed: fixed, upload"),
    _of("ispeed_mobile_download_mbps", "Mbps", "i-Speed: di động, tải xuống", "i-Speed: mobile, download"),
    _of("ispeed_mobile_upload_mbps", "Mbps", "i-Speed: di động, tải lên", "i-Speed: mobile, upload"),
    _of("ispeed_5g_download_mbps", "Mbps", "i-Speed: 5G, tải xuống", "i-Speed: 5G, download"),
    _of("ispeed_5g_upload_mbps", "Mbps", "i-Speed: 5G, tải lên", "i-Speed: 5G, upload"),
)

_ALL: Final = (*_SPEEDS, *_COVERAGE, *_SUBSCRIPTIONS, *_NETWORK, *_CLOUD, *_PUBLISHED)
INDICATORS: Final[dict[str, Indicator]] = {indicator.id: indicator for indicator in _ALL}
"""The shipped vocabulary."""
SERIES: Final = frozenset(indicator.id for indicator in _PUBLISHED)
"""Those that can be a reference: without plan and area they are the nation's, with them a province's or commune's."""


def vocabulary(plans: Iterable[Plan] = ()) -> dict[str, Indicator]:
    """The shipped indicators and those that plans bring; a plan cannot redefine a shipped one."""
    return {one.id: one for plan in plans for one in plan.indicators} | INDICATORS
