"""Where the made-up sites stand: provinces, communes with about their real position, providers, names. Pure."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Commune:
    """A commune of today: its code in the gazetteer, its name, about where its centre lies (degrees), and its kind."""

    code: str
    name: str
    latitude: float
    longitude: float
    kind: str = "xã"
    reach: float = 0.022
    """So far from its centre its sites lie, in degrees: none beyond a border or in the sea."""

    @property
    def is_urban(self) -> bool:
        """Whether it is a ward."""
        return self.kind == "phường"


@dataclass(frozen=True, slots=True)
class Province:
    """A plan's area: `short` begins its sites' ids; `fibre` and `mobile` are what is bought there, in Mbit/s."""

    code: str
    short: str
    name: str
    plan: str
    peer: str
    fibre: tuple[float, ...]
    mobile: tuple[float, ...]
    communes: tuple[Commune, ...]


LANG_SON: Final = Province(
    "lang-son", "ls", "Lạng Sơn", "lang-son-2025", "langson-dc", (150.0, 150.0, 200.0, 300.0), (60.0, 80.0),
    (
        Commune("mau-son", "Mẫu Sơn", 21.835, 106.970, reach=0.01),
        Commune("huu-lung", "Hữu Lũng", 21.506, 106.344),
        Commune("bac-son", "Bắc Sơn", 21.897, 106.319),
        Commune("chi-lang", "Chi Lăng", 21.640, 106.535),
        Commune("loc-binh", "Lộc Bình", 21.757, 106.924),
        Commune("van-quan", "Văn Quan", 21.866, 106.545),
        Commune("that-khe", "Thất Khê", 22.254, 106.470),
        Commune("binh-gia", "Bình Gia", 21.957, 106.366),
        Commune("na-sam", "Na Sầm", 22.055, 106.618),
        Commune("dinh-lap", "Đình Lập", 21.545, 107.093),
        Commune("dong-dang", "Đồng Đăng", 21.938, 106.697, reach=0.01),
        Commune("van-nham", "Vân Nham", 21.534, 106.420),
        Commune("ky-lua", "Kỳ Lừa", 21.861, 106.757, "phường"),
        Commune("dong-kinh", "Đông Kinh", 21.840, 106.763, "phường"),
    ),
)  # fmt: skip
BAC_GIANG: Final = Province(
    "bac-giang", "bg", "Bắc Giang", "bac-giang-2025", "bacgiang-dc", (150.0, 200.0, 200.0, 300.0), (60.0, 80.0),
    (
        Commune("luc-nam", "Lục Nam", 21.302, 106.385),
        Commune("son-dong", "Sơn Động", 21.336, 106.849),
        Commune("luc-ngan", "Lục Ngạn", 21.376, 106.660),
        Commune("yen-the", "Yên Thế", 21.489, 106.126),
        Commune("bo-ha", "Bố Hạ", 21.442, 106.198),
        Commune("tan-yen", "Tân Yên", 21.386, 106.121),
        Commune("lang-giang", "Lạng Giang", 21.355, 106.262),
        Commune("bien-dong", "Biển Động", 21.402, 106.752),
        Commune("tay-yen-tu", "Tây Yên Tử", 21.190, 106.720),
        Commune("hiep-hoa", "Hiệp Hoà", 21.357, 105.974),
        Commune("viet-yen", "Việt Yên", 21.272, 106.098, "phường"),
        Commune("chu", "Chũ", 21.373, 106.558, "phường"),
    ),
)  # fmt: skip
BINH_PHUOC: Final = Province(
    "binh-phuoc", "bp", "Bình Phước", "binh-phuoc-2025", "binhphuoc-dc", (150.0, 150.0, 200.0), (100.0, 120.0),
    (
        Commune("bu-gia-map", "Bù Gia Mập", 12.152, 107.164),
        Commune("loc-ninh", "Lộc Ninh", 11.843, 106.590),
        Commune("bu-dang", "Bù Đăng", 11.811, 107.247),
        Commune("bom-bo", "Bom Bo", 11.905, 107.229),
        Commune("thien-hung", "Thiện Hưng", 12.008, 106.812),
        Commune("dak-o", "Đăk Ơ", 12.010, 107.092),
        Commune("phu-rieng", "Phú Riềng", 11.678, 106.925),
        Commune("dong-phu", "Đồng Phú", 11.475, 106.860),
        Commune("loc-tan", "Lộc Tấn", 11.893, 106.635),
        Commune("tan-khai", "Tân Khai", 11.560, 106.613),
        Commune("dong-xoai", "Đồng Xoài", 11.535, 106.892, "phường"),
        Commune("binh-long", "Bình Long", 11.650, 106.606, "phường"),
    ),
)  # fmt: skip
QUANG_NINH: Final = Province(
    "quang-ninh", "qn", "Quảng Ninh", "quang-ninh-2030", "quangninh-dc", (300.0, 300.0, 500.0), (80.0, 100.0),
    (
        Commune("binh-lieu", "Bình Liêu", 21.523, 107.397, reach=0.015),
        Commune("ba-che", "Ba Chẽ", 21.273, 107.283),
        Commune("co-to", "Cô Tô", 20.976, 107.764, "đặc khu", reach=0.006),
        Commune("van-don", "Vân Đồn", 21.073, 107.420, "đặc khu", reach=0.008),
        Commune("tien-yen", "Tiên Yên", 21.332, 107.401),
        Commune("dam-ha", "Đầm Hà", 21.354, 107.594),
        Commune("quang-ha", "Quảng Hà", 21.460, 107.745, reach=0.015),
        Commune("hoanh-mo", "Hoành Mô", 21.588, 107.475, reach=0.01),
        Commune("vinh-thuc", "Vĩnh Thực", 21.378, 107.900, reach=0.006),
        Commune("ha-long", "Hạ Long", 20.957, 107.085, "phường", reach=0.006),
        Commune("cam-pha", "Cẩm Phả", 21.018, 107.298, "phường", reach=0.006),
        Commune("uong-bi", "Uông Bí", 21.035, 106.771, "phường"),
    ),
)  # fmt: skip
PROVINCES: Final = (LANG_SON, BAC_GIANG, BINH_PHUOC, QUANG_NINH)
FIXED: Final = ("VNPT", "Viettel", "FPT")
MOBILE: Final = ("Viettel", "VNPT", "MobiFone")
HAMLETS: Final = {
    "ls": ("Nà Pàn", "Khuổi Tao", "Pò Mã", "Bản Chắt", "Nà Ngườm", "Lũng Vài", "Co Hương", "Khau Bân", "Pác Lũng",
           "Nà Mìu"),
    "bg": ("Đồng Rì", "Khe Sanh", "Bắc Hoa", "Đèo Váng", "Cây Lâm", "Thác Lười", "Suối Chạc", "Hố Bông", "Gốc Gạo",
           "Đồng Mậm"),
    "bp": ("Bù Rên", "Đăk Côn", "Bù Lư", "Sơn Hòa", "Thuận Tiến", "Tân Lập", "Đăk Á", "Bù Nga", "Phước Tân",
           "Bình Hà"),
    "qn": ("Khe Vằn", "Nà Ếch", "Khe Tiền", "Pắc Liềng", "Đồng Tiến", "Bản Sen", "Khe Mọi", "Nam Hả", "Lũng Vầy",
           "Ngọc Vừng"),
}  # fmt: skip
"""Villages that schools have their outlying classes in, and that the registers of villages name."""
