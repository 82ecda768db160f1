"""One run of a plan, by its method, to its result."""

import contextlib
from typing import Final

import msgspec

from agent.clock import SystemClock
from agent.errors import Failed
from agent.latency import call, icmp_echo
from agent.latency.e_model import CODECS
from agent.latency.plan import Plan
from agent.latency.tcp_connects import TcpConnects
from agent.net.echo_session import Session, Watch
from agent.net.round_trips import summarize
from agent.net.stamp_session import open_socket, stamp_session
from agent.wire.failure import Reason, Stage
from agent.wire.results import Latency

_SECOND_NS: Final = 1_000_000_000


async def exchange(address: str, plan: Plan, watch: Watch) -> Latency:
    """Send what the plan says and sum up what came; raises Failed if there was no round trip at all."""
    with contextlib.ExitStack() as open_until_done:
        run = _run(address, plan, open_until_done)
        await run.run(watch)
    if not run.answers:
        raise run.why_no_answer()
    result = _result(run, plan)
    if not result.received:
        raise Failed(Stage.TRANSFER, Reason.TIMEOUT, f"every answer came later than {plan.timeout_s:g} s")
    return result


def _run(address: str, plan: Plan, stack: contextlib.ExitStack) -> Session | TcpConnects:
    match plan.method:
        case "stamp":
            sock = stack.enter_context(contextlib.closing(open_socket(address, plan.port)))
            synchronized = SystemClock().synchronized() is True
            return stamp_session(sock, plan.pace, key=plan.key, size=plan.size, synchronized=synchronized)
        case "icmp":
            sock = stack.enter_context(contextlib.closing(icmp_echo.open_socket(address)))
            return Session(sock, plan.pace, icmp_echo.EchoWire(sock, size=plan.packet_bytes or 0))
        case "tcp":
            return TcpConnects(address, plan.port, plan.pace)


def _result(run: Session | TcpConnects, plan: Plan) -> Latency:
    timeout_ns = round(plan.timeout_s * _SECOND_NS)
    result = summarize(run.sent, run.answers, timeout_ns=timeout_ns, method=plan.method)
    foreign = run.foreign if isinstance(run, Session) else None
    result = msgspec.structs.replace(result, stamps=run.stamps, foreign=foreign, packet_bytes=plan.packet_bytes)
    if plan.codec is None:
        return result
    rated = call.rate(run.sent, run.answers, timeout_ns=timeout_ns, codec=CODECS[plan.codec])
    if rated is None:
        return result
    return msgspec.structs.replace(
        result,
        profile="call",
        codec=plan.codec,
        r_factor=rated.r_factor,
        mos=rated.mos,
        mouth_to_ear_ms=rated.mouth_to_ear_ms,
        call_loss_ratio=rated.loss_ratio,
    )
