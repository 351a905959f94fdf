"""Bugs between the wire and a reading."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant, module, trial

STORM: Final = module("tests.storm", "--seeds=8", word=r"\b[1-9]\d* storms broke a promise")
SEGMENTS: Final = module(
    "tests.matrix",
    "--cell=S8/12",
    "--rounds=20",
    "--jobs=1",
    word=r"\b[1-9]\d* cells broke a promise",
)

READING: Final = (
    Mutant.of(
        "frames end at the next flag",
        "dlms/hdlc/reassembly.py",
        trial("tests.meter.test_flags"),
        (
            "        end = begin + length\n",
            "        end = begin + length\n"
            "        flagged = buffer.find(FLAG, begin)\n"
            "        if 0 < flagged < end:\n"
            '            return self._bad("cut short", buffer, flag, flagged)\n',
        ),
    ),
    Mutant.of(
        "the header check is not looked at",
        "dlms/hdlc/reassembly.py",
        trial("tests.dlms.hdlc.test_reassembly"),
        (
            "if not is_good(buffer[begin:header]):",
            "if header == end and not is_good(buffer[begin:header]):",
        ),
    ),
    Mutant.of(
        "the frame check is not looked at",
        "dlms/hdlc/reassembly.py",
        SEGMENTS,
        (
            "good = end >= header + 2 and is_good(buffer[begin:end])",
            "good = end >= header + 2",
        ),
    ),
    Mutant.of(
        "N(R) is one behind",
        "dlms/hdlc/link.py",
        STORM,
        (
            "control.information(number, self._expected, final",
            "control.information(number, (self._expected - 1) % 8, final",
        ),
        (
            "control.receive_ready(self._expected)",
            "control.receive_ready((self._expected - 1) % 8)",
        ),
    ),
    Mutant.of(
        "an I frame that came before is taken again",
        "dlms/hdlc/link.py",
        trial("tests.dlms.hdlc.test_link_model"),
        (
            "if number != self._expected:",
            "if number != self._expected and not self._is_repeated(number):",
        ),
    ),
    Mutant.of(
        "answers with another invoke-id are taken",
        "dlms/exchange/exchange.py",
        trial("tests.dlms.test_association_get"),
        ("if told == self._told(self):", "if told is not None:"),
    ),
    Mutant.of(
        "block numbers are not looked at",
        "dlms/exchange/blocks.py",
        trial("tests.dlms.test_association_get"),
        (
            "if number != wanted and not (self.count == 0 and (number == 0 or self._going_on)):",
            "if number < 0:",
        ),
    ),
    Mutant.of(
        "A-XDR may be nested without end",
        "dlms/axdr/limits.py",
        trial("tests.dlms.axdr.test_limits"),
        ("    if depth > MAX_DEPTH:\n", "    if depth < 0:\n"),
    ),
    Mutant.of(
        "a meter may babble without end",
        "meter/protocol.py",
        trial("tests.meter.test_hostile.HostileTests.test_endless_babble_ends_the_connection"),
        (
            "if self._stray + self._reassembly.idle > MAX_BABBLE:",
            "if self._stray + self._reassembly.idle > MAX_BABBLE << 40:",
        ),
    ),
    Mutant.of(
        "silence is waited for without end",
        "meter/conversation.py",
        trial("tests.meter.test_troubles"),
        ("        self._deadline.set(min(wait, self._patience) + self._frame_delay)\n", ""),
    ),
    Mutant.of(
        "a shared line is used by all at once",
        "meter/conversation.py",
        trial("tests.meter.test_troubles"),
        ("        await self._turn.acquire()\n", "        turn = DeferredLock()\n"),
        ("            self._turn.release()\n", "            assert not turn.locked\n"),
    ),
    Mutant.of(
        "the delay starts over with each connection",
        "meter/factory.py",
        trial("tests.meter.test_factory"),
        (
            "        self.wire = wire\n        self._used",
            "        self.wire = wire\n        self.resetDelay()\n        self._used",
        ),
    ),
    Mutant.of(
        "a scaler that is refused is 0 for ever",
        "meter/scales.py",
        trial("tests.meter.test_cycle"),
        ("    raise DecodeError(told.words)\n", "    return None\n"),
    ),
    Mutant.of(
        "what was not read is 0",
        "meter/cycle.py",
        trial("tests.meter.test_poller"),
        (
            "                self._absent[key] = result.words\n"
            "                if result in LASTING:\n"
            "                    refused.append(key)\n"
            "                continue\n",
            "                values[key] = self._scales[key].value(Data(Tag.INTEGER, 0)) or 0\n"
            "                continue\n",
        ),
        (
            "from dlmsd.dlms.xdlms.access_result import",
            "from dlmsd.dlms.axdr.data import Data, Tag\n"
            "from dlmsd.dlms.xdlms.access_result import",
        ),
    ),
    Mutant.of(
        "a timestamp is used twice",
        "meter/harvest.py",
        STORM,
        (
            "self._last_ts = max(int(at * 1000), self._last_ts + 1)",
            "self._last_ts = int(at * 1000)",
        ),
    ),
    Mutant.of(
        "timers follow the wall clock",
        "machine.py",
        trial("tests.test_tap"),
        ("    running.seconds = time.monotonic\n", "    running.seconds = time.time\n"),
    ),
)
