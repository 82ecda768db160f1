"""What holds for the whole API, in words: for the document and for the page. Data only."""

from typing import Final

from collector.plans.types import Text

TITLE: Final = Text(vi="API của Linkgauge", en="The Linkgauge API")
STATUS: Final[dict[int, Text]] = {
    200: Text(vi="Thành công", en="Done"),
    202: Text(vi="Đã nhận, kết quả đến sau", en="Taken; the result comes later"),
    304: Text(vi="Không có gì thay đổi so với ETag đã gửi", en="Nothing has changed since the ETag that was sent"),
    400: Text(vi="Câu hỏi sai; chi tiết nêu tham số nào", en="The question is wrong; the detail names the parameter"),
    403: Text(vi="Chỉ máy này được thay đổi", en="Changes are accepted from this machine only"),
    404: Text(vi="Không có", en="There is none"),
    409: Text(vi="Không làm được trong tình trạng này", en="It makes no sense in the present state"),
    413: Text(vi="Nội dung gửi lên quá lớn", en="The body is too large"),
    429: Text(vi="Quá nhiều yêu cầu; hãy thử lại sau", en="Too many were asked for; try again later"),
    503: Text(
        vi="Chưa truy cập được cơ sở dữ liệu; hãy thử lại sau",
        en="A database cannot be reached right now; try again later",
    ),
}
GUIDE: Final[tuple[tuple[Text, Text], ...]] = (
    (
        Text(vi="Phiên bản", en="Versions"),
        Text(
            vi="Mọi địa chỉ bắt đầu bằng /api/v1. Trong v1 chỉ thêm: địa chỉ, tham số và trường mới có thể xuất hiện, "
            "không gì bị đổi tên hay bỏ đi. Chương trình đọc hãy bỏ qua trường và giá trị chưa biết. Thay đổi không "
            "tương thích sẽ nằm ở /api/v2, song song với v1 ít nhất một năm.",
            en="Every address begins with /api/v1. Within v1 we only add: new addresses, parameters and fields may "
            "appear, nothing is renamed or taken away. Readers ignore fields and values that they do not know. What "
            "cannot be compatible comes as /api/v2, beside v1 for at least a year.",
        ),
    ),
    (
        Text(vi="Danh sách từng trang", en="Lists come in pages"),
        Text(
            vi='Danh sách có dạng {"items": […], "next": …}. Nếu next không phải null, gọi lại cùng địa chỉ với '
            "cursor=NEXT để lấy phần tiếp theo; limit là số mục tối đa mỗi lần. Cursor nhớ mục cuối cùng đã đưa ra, "
            "nên mục mới thêm vào không làm lặp hay mất mục khác.",
            en='A list is {"items": […], "next": …}. While next is not null, ask the same address again with '
            "cursor=NEXT for what follows; limit is the most that one answer holds. A cursor remembers the last item "
            "that was given, so what is added meanwhile neither repeats nor hides another.",
        ),
    ),
    (
        Text(vi="Chỉ lấy khi có thay đổi", en="Only what has changed"),
        Text(
            vi="Câu trả lời có ETag mạnh. Gửi lại trong If-None-Match: nếu không đổi, trả lời là 304 không có nội "
            "dung. Câu trả lời lớn được nén (Accept-Encoding: gzip).",
            en="Answers carry a strong ETag. Send it back as If-None-Match: where nothing has changed, the answer is "
            "304 without a body. Large answers are compressed (Accept-Encoding: gzip).",
        ),
    ),
    (
        Text(vi="Thời gian, số và đơn vị", en="Times, numbers and units"),
        Text(
            vi="Thời điểm theo RFC 3339 (UTC). Kỳ viết 2026, 2026-10, 2026-10-22 hoặc 2026-10-01..2026-10-31, theo "
            "ngày của tỉnh, trừ độ đầy đủ đếm theo ngày UTC như thiết bị. Đơn vị nằm trong tên trường: _mbps là 10^6 "
            "bit/giây, _ms, _s, _bytes, _ratio. Không có hoặc null nghĩa là không biết, không bao giờ là 0 hay -1.",
            en="Moments are RFC 3339 (UTC). Periods are written 2026, 2026-10, 2026-10-22 or 2026-10-01..2026-10-31, "
            "in days of the province; those of completeness are days in UTC, as the devices count. Units stand in "
            "names: _mbps is 10^6 bit/s, _ms, _s, _bytes, _ratio. Absent or null is unknown, never 0 or -1.",
        ),
    ),
    (
        Text(vi="Lỗi", en="Errors"),
        Text(
            vi="Lỗi là tài liệu RFC 9457 (application/problem+json): detail nói điều gì sai và cần làm gì, parameter "
            "nêu tên tham số. Tham số không có trong bảng là lỗi, kèm tên gần giống nhất.",
            en="Errors are RFC 9457 documents (application/problem+json): detail says what is wrong and what to do, "
            "parameter names the parameter. A parameter that is not in the table is an error that names the nearest.",
        ),
    ),
    (
        Text(vi="Ai được đọc, ai được thay đổi", en="Who may read, who may change"),
        Text(
            vi="Ai kết nối được tới trang này thì đọc được; trang khác trong trình duyệt thì không (không có CORS): "
            "hệ thống khác gọi từ máy chủ của mình. Cho đến khi có đăng nhập, thay đổi (POST) chỉ được nhận từ chính "
            "máy này, kèm tên người làm.",
            en="Whoever can reach this page may read; pages of other sites in a browser may not (there is no CORS): "
            "other systems ask from their own servers. Until there is sign-in, changes (POST) are accepted from this "
            "machine only, with the name of who makes them.",
        ),
    ),
    (
        Text(vi="LGSP, cổng dữ liệu mở, GIS", en="LGSP, open-data portals, GIS"),
        Text(
            vi="LGSP: đăng ký tài liệu OpenAPI này làm dịch vụ, trục gọi /api/v1/plans/{plan}/scoreboard và "
            "/api/v1/sites theo lịch với If-None-Match. Cổng dữ liệu mở: lấy bảng chỉ tiêu dạng CSV "
            "(…/scoreboard?format=csv) mỗi tháng. GIS: thêm /api/v1/sites.geojson làm lớp vectơ (QGIS: Thêm lớp "
            "vectơ, giao thức HTTP), tọa độ WGS 84, tô màu theo state. Theo thời gian thực: /api/v1/live.",
            en="LGSP (the province's service bus): register this OpenAPI document as a service; the bus asks "
            "/api/v1/plans/{plan}/scoreboard and /api/v1/sites on a schedule with If-None-Match. Open-data portal: "
            "take the scoreboard as CSV (…/scoreboard?format=csv) once a month. GIS: add /api/v1/sites.geojson as a "
            "vector layer (QGIS: Add Vector Layer, protocol HTTP), positions in WGS 84, coloured by state. As it "
            "happens: /api/v1/live.",
        ),
    ),
    (
        Text(vi="Giấy phép của dữ liệu", en="Licence of the data"),
        Text(
            vi="Dữ liệu thuộc cơ quan vận hành hệ thống này, cơ quan đó quyết định giấy phép khi công bố. Kết quả là "
            "của điểm đo công cộng, không chứa dữ liệu cá nhân ngoài tên người ghi trong sự cố và bảo trì: hãy bỏ "
            "các tên đó trước khi công bố.",
            en="The data belong to the authority that runs this collector, which decides on the licence when it "
            "publishes them. Results are of public sites; the only personal data are the names of who acted on "
            "incidents and maintenance: leave those out of what you publish.",
        ),
    ),
)
