"""What the five plans promise, typed a second time by hand from the plans' texts; nothing here is generated.

plan: (target, how, scope, number as the plan writes it, year), in the order of the texts. `>` is "more than", `~`
"about", a range has both ends; `average` is the national average; `done` has no number.
"""

from typing import Final

Row = tuple[str, str, str, str, int]

BAC_GIANG: Final[set[Row]] = {
    ("download_mbps", "measured", "mobile", "45", 2025),
    ("download_mbps", "measured", "fixed", "120", 2025),
    ("villages_mobile_coverage", "derived", "province", "100", 2025),
    ("villages_fixed_coverage", "derived", "province", "100", 2025),
    ("households_fibre_available", "reported", "province", "100", 2025),
    ("mobile_subscriptions_per_100", "reported", "province", "95", 2025),
    ("smartphone_share_of_subscriptions", "reported", "province", "85", 2025),
    ("adults_with_smartphone", "reported", "province", "95", 2025),
    ("base_stations_shared", "reported", "province", "20", 2025),
    ("fixed_subscriptions_per_100", "reported", "province", "28.5", 2025),
    ("provincial_systems_on_cloud", "reported", "province", "90", 2025),
    ("enterprises_on_domestic_cloud", "reported", "province", "75", 2025),
    ("state_bodies_on_platforms", "reported", "province", "100", 2025),
    ("enterprises_on_platforms", "reported", "province", "70", 2025),
    ("cloud_accounts_per_adult", "reported", "province", "1", 2025),
}

LANG_SON: Final[set[Row]] = {
    ("download_mbps", "measured", "mobile", "42", 2025),
    ("download_mbps", "measured", "fixed", "102", 2025),
    ("villages_mobile_coverage", "derived", "province", "98", 2025),
    ("villages_fixed_coverage", "derived", "province", "95", 2025),
    ("mobile_subscriptions_per_100", "reported", "province", "85", 2025),
    ("smartphone_share_of_subscriptions", "reported", "province", "85", 2025),
    ("adults_with_smartphone", "reported", "province", "80", 2025),
    ("new_base_stations_shared", "reported", "province", "30", 2025),
    ("fixed_subscriptions_per_100", "reported", "province", "18", 2025),
    ("households_fixed_broadband", "reported", "province", "75", 2025),
    ("state_bodies_on_cloud", "reported", "province", "100", 2025),
    ("enterprises_on_domestic_cloud", "reported", "province", "70", 2025),
    ("state_bodies_on_platforms", "reported", "province", "100", 2025),
    ("enterprises_on_platforms", "reported", "province", "70", 2025),
    ("cloud_accounts_per_adult", "reported", "province", "1", 2025),
}

LANG_SON_BASELINE: Final = {
    ("download_mbps", "mobile"): (34.41, "2023-Q2"),
    ("download_mbps", "fixed"): (85.07, "2023-Q2"),
    ("villages_mobile_coverage", "province"): (92, "2023-Q2"),
    ("villages_fixed_coverage", "province"): (87, "2023-Q2"),
    ("mobile_subscriptions_per_100", "province"): (80.69, "2023-Q2"),
    ("smartphone_share_of_subscriptions", "province"): (80.20, "2023-Q2"),
    ("adults_with_smartphone", "province"): (70, "2021"),
    ("new_base_stations_shared", "province"): (16, "2023-Q2"),
    ("fixed_subscriptions_per_100", "province"): (17.38, "2023-Q2"),
    ("households_fixed_broadband", "province"): (67.75, "2023-Q2"),
}

BAC_GIANG_ICT: Final[set[Row]] = {
    ("ipv6", "measured", "province", "100", 2025),
    ("residential_areas_5g_coverage", "derived", "province", "100", 2025),
    ("villages_fixed_coverage", "derived", "province", "100", 2025),
    ("households_fibre", "reported", "province", ">80", 2025),
    ("households_fibre", "reported", "province", "100", 2030),
    ("mobile_data_per_month", "reported", "province", "14", 2025),
    ("mobile_data_per_month", "reported", "province", "27", 2030),
    ("mobile_station_radius", "reported", "province", "<=0.22", 2025),
    ("iot_devices_per_100", "reported", "province", "75-100", 2025),
    ("iot_devices_per_100", "reported", "province", "150-200", 2030),
    ("new_base_stations_shared", "reported", "province", ">40", 2025),
    ("new_base_stations_shared", "reported", "province", ">70", 2030),
    ("new_masts_shared", "reported", "province", "70-80", 2030),
    ("masts_unobtrusive", "reported", "province", ">80", 2030),
    ("masts_unobtrusive_centres", "reported", "province", "100", 2030),
    ("new_base_stations", "reported", "province", "~5000", 2030),
    ("cables_underground_new_areas", "reported", "province", "100", 2025),
    ("cables_underground_old_areas", "reported", "province", "40-50", 2025),
    ("people_with_payment_account", "reported", "province", ">50", 2025),
}

BINH_PHUOC: Final[set[Row]] = {
    ("download_mbps", "measured", "mobile", "70", 2025),
    ("download_mbps", "measured", "fixed", "95", 2025),
    ("villages_mobile_coverage", "derived", "province", "100", 2025),
    ("villages_fixed_coverage", "derived", "province", "100", 2025),
    ("mobile_subscriptions_per_100", "reported", "province", "100", 2025),
    ("smartphone_share_of_subscriptions", "reported", "province", "100", 2025),
    ("adults_with_smartphone", "reported", "province", "100", 2025),
    ("base_stations_shared", "reported", "province", "25", 2025),
    ("fixed_subscriptions_per_100", "reported", "province", "60", 2025),
    ("households_fibre", "reported", "province", "100", 2025),
    ("provincial_systems_on_cloud", "reported", "province", "100", 2025),
    ("state_bodies_on_platforms", "reported", "province", "100", 2025),
    ("enterprises_on_platforms", "reported", "province", "50", 2025),
    ("cloud_accounts_per_person", "reported", "province", "1", 2025),
}

QUANG_NINH: Final[set[Row]] = {
    ("download_mbps", "measured", "fixed-urban", "minimum 85", 2023),
    ("download_mbps", "measured", "fixed-urban", "minimum 200", 2025),
    ("download_mbps", "measured", "fixed-urban", "reach 200", 2023),
    ("download_mbps", "measured", "fixed-urban", "reach 1000", 2025),
    ("download_mbps", "measured", "fixed-rural", "reach 100", 2023),
    ("download_mbps", "measured", "fixed-rural", "reach 200", 2025),
    ("download_mbps", "measured", "fixed", "average 200", 2025),
    ("download_mbps", "measured", "fixed", "reach >1000", 2030),
    ("download_mbps", "measured", "fixed", "minimum 1000", 2025),
    ("download_mbps", "measured", "mobile", "national_average", 2023),
    ("download_mbps", "measured", "mobile", "national_average", 2025),
    ("villages_mobile_coverage", "derived", "province", "100", 2023),
    ("villages_fixed_coverage", "derived", "province", "100", 2023),
    ("villages_mobile_coverage", "derived", "province", "100", 2025),
    ("villages_fixed_coverage", "derived", "province", "100", 2025),
    ("population_mobile_coverage", "derived", "province", "100", 2023),
    ("population_mobile_coverage", "derived", "province", "100", 2025),
    ("population_5g_coverage", "derived", "province", "100", 2030),
    ("households_fibre", "reported", "province", "90", 2023),
    ("households_fixed_broadband", "reported", "province", "95", 2025),
    ("fixed_subscriptions_per_100", "reported", "province", "26", 2023),
    ("fixed_subscriptions_per_100", "reported", "province", "35", 2025),
    ("mobile_subscriptions_per_100", "reported", "province", "98", 2023),
    ("mobile_subscriptions_per_100", "reported", "province", "99.95", 2025),
    ("adults_with_smartphone", "reported", "province", "95", 2023),
    ("adults_with_smartphone", "reported", "province", "99.9", 2025),
    ("adults_with_smartphone", "reported", "province", "100", 2030),
    ("new_base_stations", "reported", "province", "243", 2023),
    ("new_base_stations_4g", "reported", "province", "240", 2023),
    ("new_base_stations_islands", "reported", "province", "3", 2023),
    ("new_base_stations", "reported", "province", "716", 2025),
    ("new_base_stations_4g", "reported", "province", "231", 2025),
    ("new_base_stations_5g", "reported", "province", "472", 2025),
    ("new_base_stations_islands", "reported", "province", "13", 2025),
    ("state_bodies_on_cloud", "reported", "province", "80", 2025),
    ("enterprises_on_cloud", "reported", "province", "60", 2025),
    ("infrastructure_iot_ready", "reported", "province", "100", 2025),
    ("ipv6", "measured", "province", "done", 2025),
    ("systems_on_dedicated_network", "derived", "province", "100", 2025),
    ("iot_low_latency", "measured", "province", "done", 2025),
}

SHARES: Final = {
    ("fixed-urban-2023", 100),
    ("fixed-urban-reach-2023", 100),
    ("fixed-rural-2023", 95),
    ("fixed-urban-2025", 100),
    ("fixed-urban-reach-2025", 100),
    ("fixed-rural-2025", 95),
    ("fixed-average-2025", 90),
    ("fixed-parks-2025", 100),
    ("fixed-2030", 100),
}
"""Of Quảng Ninh's households, users and parks, in percent."""

TYPED: Final = {
    "bac-giang-2025": BAC_GIANG,
    "bac-giang-ict-2030": BAC_GIANG_ICT,
    "lang-son-2025": LANG_SON,
    "binh-phuoc-2025": BINH_PHUOC,
    "quang-ninh-2030": QUANG_NINH,
}
SECTIONS: Final = {
    ("bac-giang-2025", "download_mbps", "mobile"): "1. Mạng viễn thông băng rộng di động",
    ("bac-giang-2025", "download_mbps", "fixed"): "2. Mạng viễn thông băng rộng cố định",
    ("lang-son-2025", "download_mbps", "mobile"): "a) Mạng viễn thông băng rộng di động",
    ("lang-son-2025", "download_mbps", "fixed"): "b) Mạng viễn thông băng rộng cố định",
    ("lang-son-2025", "state_bodies_on_cloud", "province"): "c) Hạ tầng điện toán đám mây",
    ("lang-son-2025", "enterprises_on_platforms", "province"): "đ) Nền tảng số có tính chất hạ tầng",
    ("binh-phuoc-2025", "download_mbps", "mobile"): "1. Mạng viễn thông băng rộng di động",
    ("binh-phuoc-2025", "download_mbps", "fixed"): "2. Mạng viễn thông băng rộng cố định",
    ("bac-giang-ict-2030", "ipv6", "province"): "b) Về viễn thông - Hạ tầng số, (2)",
    ("bac-giang-ict-2030", "mobile_data_per_month", "province"): "b) Về viễn thông - Hạ tầng số, (1)",
    ("quang-ninh-2030", "state_bodies_on_cloud", "province"): "2.2. Hạ tầng trung tâm dữ liệu và điện toán đám mây",
    ("quang-ninh-2030", "iot_low_latency", "province"): "2.3. Hạ tầng công nghệ số",
    ("quang-ninh-2030", "systems_on_dedicated_network", "province"): "2.4. Nền tảng số có tính chất hạ tầng",
    ("quang-ninh-2030", "population_5g_coverage", "province"): "3. Mục tiêu đến năm 2030",
}
