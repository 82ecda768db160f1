"""A modem behind a pseudo-terminal: answers AT commands from a table, with the habits of real ones."""

import asyncio
import contextlib
import os
import tty
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

Table = dict[str, str]

QUECTEL_LTE: Table = {
    "AT+CGMI": "Quectel",
    "AT+CGMM": "EC25",
    "AT+CFUN?": "+CFUN: 1",
    "AT+CPIN?": "+CPIN: READY",
    "AT+CREG?": "+CREG: 0,1",
    "AT+CEREG?": "+CEREG: 0,1",
    "AT+COPS?": '+COPS: 0,0,"Viettel",7',
    "AT+CSQ": "+CSQ: 14,99",
    'AT+QENG="servingcell"': (
        '+QENG: "servingcell","NOCONN","LTE","FDD",452,04,19A358C,366,1300,3,5,5,774E,-108,-5,-83,9,13'
    ),
    "AT+QCSQ": '+QCSQ: "LTE",-83,-108,76,-5',
}
QUECTEL_NSA: Table = QUECTEL_LTE | {
    "AT+CGMM": "RG520N-EU",
    "AT+COPS?": '+COPS: 0,0,"VINAPHONE",13',
    "AT+CESQ": "+CESQ: 99,99,255,255,255,255,64,75,106",
    'AT+QENG="servingcell"': (
        '+QENG: "servingcell","NOCONN"\r\n'
        '+QENG: "LTE","FDD",452,02,1929500,321,1300,3,5,5,34BA,-75,-8,-50,24,12,120,-\r\n'
        '+QENG: "NR5G-NSA",452,02,774,-82,30,-11,640000,78,12,1'
    ),
    "AT+QCSQ": '+QCSQ: "LTE",-50,-75,170,-8',
}
QUECTEL_SA: Table = QUECTEL_NSA | {
    "AT+CEREG?": "+CEREG: 0,4",
    "AT+CREG?": "+CREG: 0,0",
    "AT+C5GREG?": '+C5GREG: 2,1,"00A1B2","001F2C3A4B5",11,1,"01"',
    "AT+COPS?": '+COPS: 0,2,"45201",11',
    'AT+QENG="servingcell"': (
        '+QENG: "servingcell","NOCONN","NR5G-SA","TDD",452,01,1F2C3A4B5,120,A1B2,507150,41,12,-88,-11,17,1,-'
    ),
    "AT+QCSQ": '+QCSQ: "NR5G",-88,17,-11',
}
QUECTEL_WCDMA: Table = QUECTEL_LTE | {
    "AT+CEREG?": "+CEREG: 0,0",
    "AT+COPS?": '+COPS: 0,0,"Viettel",2',
    'AT+QENG="servingcell"': ('+QENG: "servingcell","NOCONN","WCDMA",452,04,77CD,1CEAD8F,10713,58,1,-94,-7,-,-,-,-,-'),
    "AT+QCSQ": '+QCSQ: "WCDMA",-78,-94,-7',
}
PLAIN_LTE: Table = {
    "AT+CGMI": '+CGMI: "SIMCOM INCORPORATED"',
    "AT+CGMM": "+CGMM: SIM7600E",
    "AT+CFUN?": "+CFUN: 1",
    "AT+CPIN?": "+CPIN: READY",
    "AT+CREG?": '+CREG: 2,5,"FFFE","002A1F03",7',
    "AT+CEREG?": '+CEREG: 2,5,"1F2C","02A1F03",7',
    "AT+COPS?": '+COPS: 0,2,"46001",7',
    "AT+CSQ": "+CSQ: 20,99",
    "AT+CESQ": "+CESQ: 99,99,255,255,18,44",
}
PLAIN_GSM: Table = {
    "AT+CGMI": "SIMCOM",
    "AT+CGMM": "SIM800",
    "AT+CPIN?": "+CPIN: READY",
    "AT+CREG?": '+CREG: 2,1,"02EE","1A2B"',
    "AT+COPS?": '+COPS: 0,0,"VN, Vinaphone"',
    "AT+CSQ": "+CSQ: 12,0",
}


@dataclass
class FakeModem:
    """One modem. `error`: what it says to a command that is not in its table.

    `echo`: it repeats commands. `unasked`: lines that it says before each answer. `mute`: commands without answer.
    `deaf`: so many commands at first are not heard. `goes`: it is pulled out at this command. `floods`: it talks
    without end from this command on. `pieces`: it says its lines one by one, with a little time between them.
    """

    table: Table
    error: str = "ERROR"
    echo: bool = True
    unasked: str = ""
    mute: frozenset[str] = frozenset()
    deaf: int = 0
    goes: str = ""
    floods: str = ""
    pieces: bool = False
    heard: list[str] = field(default_factory=list)

    def answer(self, command: str) -> str:
        """Everything that comes back for a command."""
        said = f"{command}\r\r\n" if self.echo else "\r\n"
        said += f"{self.unasked}\r\n\r\n" if self.unasked else ""
        if command == "AT":
            return f"{said}OK\r\n"
        text = self.table.get(command)
        return f"{said}{self.error}\r\n" if text is None else f"{said}{text}\r\n\r\nOK\r\n"


@contextlib.asynccontextmanager
async def plugged(modem: FakeModem) -> AsyncIterator[str]:
    """The path of a serial port behind which `modem` answers."""
    loop = asyncio.get_running_loop()
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    line = bytearray()
    there = True

    def pull() -> None:
        nonlocal there
        if there:
            there = False
            loop.remove_reader(master)
            loop.remove_writer(master)
            os.close(master)

    def hear() -> None:
        line.extend(os.read(master, 4096))
        while b"\r" in line and there:
            command, _, rest = bytes(line).partition(b"\r")
            line[:] = rest
            _obey(modem, command.decode("ascii"), master, pull)

    loop.add_reader(master, hear)
    try:
        yield os.ttyname(slave)
    finally:
        pull()
        os.close(slave)


def _obey(modem: FakeModem, command: str, master: int, pull: Callable[[], None]) -> None:
    modem.heard.append(command)
    if modem.deaf:
        modem.deaf -= 1
    elif command == modem.goes:
        pull()
    elif command == modem.floods:
        asyncio.get_running_loop().add_writer(master, os.write, master, b"x" * 1024)
    elif command not in modem.mute:
        lines = modem.answer(command).encode("latin-1").splitlines(keepends=True)
        for at, line in enumerate(lines if modem.pieces else [b"".join(lines)]):
            if at == 0:
                os.write(master, line)
            else:
                asyncio.get_running_loop().call_later(0.003 * at, os.write, master, line)
