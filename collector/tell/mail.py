"""Mail by SMTP, with a Message-ID that is the same at every attempt of one delivery.

Addresses are Apprise's (`mailto://`, `mailtos://`), and so are what they mean. Apprise itself draws a new Message-ID
for every attempt and lets none be set (its plugin writes its own after the headers of others), so the message is made
and sent here. A mail that arrives twice, after a kill between the server's word and our record, is the same mail to
every server and reader that looks at Message-IDs; an incident's mails are one thread (In-Reply-To, References).
"""

import asyncio
import contextlib
import re
import smtplib
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from email.header import Header
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime, formataddr, parseaddr
from typing import Final
from urllib.parse import parse_qs, urlsplit

from collector.errors import UsageError
from collector.tell.answer import Answer, Parcel, said
from collector.tell.message import Message
from collector.tell.plugin import plugin_of
from collector.tell.route import Route
from collector.tell.wording import one_line

Compose = Callable[[Parcel], Message]
PATIENCE: Final = 6
"""One attempt may take so many times the timeout, which is of each step of it."""
_SUBJECT: Final = 250
_BETWEEN: Final = re.compile(r"[\s,;]+")
_HOST: Final = "linkgauge.invalid"  # of Message-IDs: nobody's, and the same on whichever machine leads


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail is handed in, and for whom."""

    host: str
    port: int
    mode: str  # insecure, ssl or starttls
    verify: bool
    user: str | None
    password: str | None = field(repr=False)
    sender: tuple[str, str]
    to: tuple[tuple[str, str], ...]
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    reply_to: tuple[str, ...] = ()


def server_of(route: Route) -> Server:
    """What a mail address means; raises UsageError for one that names no server or nobody."""
    plugin = plugin_of(route.url)
    if plugin is None or not plugin.targets:
        raise UsageError(
            f"tell.routes {route.name}: not a mail address that Apprise knows; write "
            "mailto://HOST:PORT?from=A@B&to=C@D, or mailtos://USER:PASSWORD@HOST?to=C@D in a file"
        )
    mode = str(plugin.secure_mode) if plugin.secure else "insecure"
    name, address = plugin.from_addr
    everyone = {each[1] for each in plugin.targets} | set(plugin.cc) | set(plugin.bcc)
    for lost in _named(route.url) - {parseaddr(each)[1].casefold() for each in everyone}:
        raise UsageError(f"tell.routes {route.name}: {one_line(lost)!r} is no mail address; nothing would go there")
    return Server(
        host=plugin.smtp_host or plugin.host,
        port=int(plugin.port or {"ssl": 465, "starttls": 587}.get(mode, 25)),
        mode=mode,
        verify=bool(plugin.verify_certificate),
        user=plugin.user or None,
        password=plugin.password or None,
        sender=(name or "", address),
        to=tuple((each[0] or "", each[1]) for each in plugin.targets),
        cc=tuple(sorted(plugin.cc)),
        bcc=tuple(sorted(plugin.bcc)),
        reply_to=tuple(sorted(plugin.reply_to)),
    )


def _named(url: str) -> set[str]:
    """All addresses that are asked for: Apprise leaves out without a word what it takes for none."""
    asked = parse_qs(urlsplit(url).query)
    parts = " ".join(each for key in ("to", "cc", "bcc") for each in asked.get(key, ()))
    return {part.strip("<>").casefold() for part in _BETWEEN.split(parts) if "@" in part}


@dataclass(frozen=True, slots=True)
class Mail:
    """One route of mail, with a thread of its own: a server that hangs holds up nobody else."""

    route: Route
    server: Server
    compose: Compose
    clock: Callable[[], datetime]
    thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="mail"))

    async def send(self, parcel: Parcel) -> Answer:
        """Hand it in once."""
        message, at = self.compose(parcel), self.clock()
        running = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(PATIENCE * self.route.timeout_s):  # a server may drip for as long as it likes
                return await running.run_in_executor(self.thread, self._hand_in, parcel, message, at)
        except TimeoutError:
            return Answer("unreached", "timeout")

    def _hand_in(self, parcel: Parcel, message: Message, at: datetime) -> Answer:
        try:
            mail = mail_of(parcel, message, self.server, at=at)
        except ValueError as error:  # an address that no mail can bear
            return Answer("refused", f"not to be written: {type(error).__name__}")
        return hand_in(self.server, mail, self.route.timeout_s)

    def close(self) -> None:
        """Let the thread end."""
        self.thread.shutdown(wait=False, cancel_futures=True)


def message_id(delivery: str) -> str:
    """The Message-ID of a delivery."""
    return f"<{delivery}@{_HOST}>"


def mail_of(parcel: Parcel, message: Message, server: Server, *, at: datetime) -> MIMEMultipart:
    """Write the mail: plain text, and HTML for who wants it.

    With the older of Python's two ways: the newer one (3.11) loses blanks where it folds long subjects with accents.
    """
    mail = MIMEMultipart("alternative")
    mail["From"] = _address(*server.sender)
    mail["To"] = ", ".join(_address(*each) for each in server.to)
    if server.cc:
        mail["Cc"] = ", ".join(_address(*parseaddr(each)) for each in server.cc)
    if server.reply_to:
        mail["Reply-To"] = ", ".join(_address(*parseaddr(each)) for each in server.reply_to)
    mail["Subject"] = Header(one_line(message.subject, _SUBJECT), "utf-8", header_name="Subject").encode()
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = message_id(parcel.id)
    if parcel.earlier:
        mail["In-Reply-To"] = mail["References"] = message_id(parcel.thread)
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Linkgauge-Delivery"] = parcel.id
    mail.attach(MIMEText(message.text, "plain", "utf-8"))
    mail.attach(MIMEText(message.html, "html", "utf-8"))
    return mail


def _address(name: str, address: str) -> str:
    return formataddr((one_line(name), one_line(address)), charset="utf-8")


def hand_in(server: Server, mail: MIMEMultipart, timeout_s: float) -> Answer:
    """Hand a mail to the server; blocks. Whom the server refuses is recorded; the others have got it."""
    everyone = [address for _, address in server.to] + [parseaddr(each)[1] for each in (*server.cc, *server.bcc)]
    try:
        refused = _handed_in(server, mail, everyone, timeout_s)
    except smtplib.SMTPRecipientsRefused as error:
        code, words = next(iter(error.recipients.values()))
        return Answer("refused", said(f"smtp_{code}: {_words(words)}"))
    except smtplib.SMTPResponseException as error:
        return Answer("refused", said(f"smtp_{error.smtp_code}: {_words(error.smtp_error)}"))
    except (smtplib.SMTPException, OSError, ValueError) as error:  # an address that no server can be told is a value
        return Answer("unreached", _fault(error))
    return Answer("confirmed", f"accepted; refused for {refused} of {len(everyone)}" if refused else "accepted")


def _handed_in(server: Server, mail: MIMEMultipart, everyone: list[str], timeout_s: float) -> int:
    """How many of the recipients the server has refused, at least one it has taken."""
    smtp = _connected(server, timeout_s)
    try:
        refused = smtp.send_message(mail, from_addr=server.sender[1], to_addrs=everyone)
        with contextlib.suppress(smtplib.SMTPException, OSError):  # the mail is the server's already
            smtp.quit()
    finally:
        smtp.close()
    return len(refused)


def _fault(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return "bad_certificate"
    if isinstance(error, TimeoutError) or "timed out" in str(error):  # smtplib calls the one the other
        return "timeout"
    return "closed" if isinstance(error, smtplib.SMTPServerDisconnected) else type(error).__name__


def _connected(server: Server, timeout_s: float) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if not server.verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if server.mode == "ssl":
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=timeout_s, context=context)
    else:
        smtp = smtplib.SMTP(server.host, server.port, timeout=timeout_s)
    try:
        if server.mode == "starttls":
            smtp.starttls(context=context)
        if server.user and server.password:
            smtp.login(server.user, server.password)
    except BaseException:
        smtp.close()
        raise
    return smtp


def _words(said_by_server: bytes | str) -> str:
    return said_by_server.decode("utf-8", "replace") if isinstance(said_by_server, bytes) else said_by_server
