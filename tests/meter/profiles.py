"""A session with a meter that has one load profile, with the oddities of real ones."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.clock import DateTime
from dlmsd.dlms.axdr.data import Data, Tag, encode
from dlmsd.dlms.axdr.length import encode_length
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.capture import CaptureObject
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.outcome import GetResult
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.selective import EntryDescriptor, RangeDescriptor
from dlmsd.errors import ClosedError, ServiceError
from dlmsd.meter import by_entry, by_range, intake
from dlmsd.meter.layout import ProfileRow
from dlmsd.meter.profile import ProfileReading

OBIS = Obis.parse("1-0:99.1.0")
CLOCK = CaptureObject(AttributeDescriptor(8, Obis.parse("0-0:1.0.0"), 2))
ENERGY = CaptureObject(AttributeDescriptor(3, Obis.parse("1-0:1.8.0"), 2))
MIDNIGHT = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
QUARTER = datetime.timedelta(minutes=15)
HOUR = 4 * QUARTER
DAY = 24 * HOUR
# Far more than any test needs; a reading that does not come on ends there.
MOST_RUNS = 200

# An instant, and what tells this row from all others.
Held = tuple[datetime.datetime, int]


def series(number: int, start: datetime.datetime = MIDNIGHT) -> list[Held]:
    """A row each quarter of an hour."""
    return [(start + each * QUARTER, each) for each in range(number)]


def utc(data: Data) -> datetime.datetime:
    assert isinstance(data.value, bytes)
    found = DateTime.decode(data.value).to_datetime(datetime.UTC)
    assert found is not None
    return found


class ProfileSession:
    """What :class:`ProfileReading` asks, answered in blocks of ``block`` octets.

    ``rows`` are in the order in which the meter sends them; ``columns`` more of them hold
    the same number. ``refuses`` are access selectors, 0 for the whole buffer, 3 for a
    deviation in a range. After each number of rows in ``breaks`` the connection breaks once.
    ``meanwhile`` is called before each answer. ``asked`` has the selectors, ``most`` the
    number of rows of the largest answer.
    """

    def __init__(
        self,
        rows: Sequence[Held],
        *,
        columns: int = 1,
        period: int = 900,
        sort: int = 1,
        in_use: int | None = None,
        refuses: Sequence[int] = (),
        breaks: Sequence[int] = (),
        block: int = 200,
        timed: bool = True,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        self.rows = rows
        self.columns = [*([CLOCK] if timed else []), *[ENERGY] * columns]
        self.told = {4: period, 5: sort, 7: in_use}
        self.refuses = set(refuses)
        self.breaks = list(breaks)
        self.block = block
        self.timed = timed
        self.meanwhile = meanwhile
        self.asked: list[int] = []
        self.most = 0
        self.clock = DateTime.from_datetime(MIDNIGHT)
        self.scaler: GetResult = Data(Tag.STRUCTURE, (Data(Tag.INTEGER, -1), Data(Tag.ENUM, 30)))

    async def get_many(self, attributes: Sequence[AttributeDescriptor]) -> list[GetResult]:
        return [self._get(each) for each in attributes]

    def _get(self, attribute: AttributeDescriptor) -> GetResult:
        if attribute == CLOCK.attribute:
            return Data(Tag.OCTET_STRING, self.clock.encode())
        if attribute.class_id == 3:
            assert attribute.attribute == 3
            return self.scaler
        if attribute.obis != OBIS:
            return DataAccessResult.OBJECT_UNDEFINED
        if attribute.attribute == 3:
            return Data(Tag.ARRAY, tuple(each.data for each in self.columns))
        told = self.told[attribute.attribute]
        return Data(Tag.DOUBLE_LONG_UNSIGNED, len(self.rows) if told is None else told)

    async def stream(
        self, attribute: AttributeDescriptor, access: Any, consume: Callable[[bytes], object]
    ) -> None:
        assert (attribute.class_id, attribute.obis, attribute.attribute) == (7, OBIS, 2)
        self.meanwhile()
        chosen = self._chosen(access)
        self.most = max(self.most, len(chosen))
        left = self.breaks[0] if self.breaks else None
        octets = b"\x01" + encode_length(len(chosen))
        for number, row in enumerate(self._encoded(chosen)):
            if number == left:
                del self.breaks[0]
                raise ClosedError("the connection broke")
            octets += row
            while len(octets) > self.block:
                consume(octets[: self.block])
                octets = octets[self.block :]
        consume(octets)

    def _chosen(self, access: Any) -> Sequence[Held]:
        selector = 0 if access is None else access[0]
        self.asked.append(selector)
        if selector in self.refuses:
            raise ServiceError("scope-of-access-violated")
        if selector == EntryDescriptor.SELECTOR:
            entries = EntryDescriptor.of(access)
            assert entries.from_entry >= 1, "entries count from 1"
            return self.rows[entries.from_entry - 1 : entries.to_entry or None]
        if selector == RangeDescriptor.SELECTOR:
            wanted = RangeDescriptor.of(access)
            assert wanted.restricting == CLOCK
            if 3 in self.refuses and wanted.from_value.value[9:11] != b"\x80\x00":
                raise ServiceError("other-reason")
            start, end = utc(wanted.from_value), utc(wanted.to_value)
            return [row for row in self.rows if start <= row[0] <= end]
        return self.rows

    def _encoded(self, chosen: Sequence[Held]) -> Iterator[bytes]:
        for moment, number in chosen:
            time = Data(Tag.OCTET_STRING, DateTime.from_datetime(moment).encode())
            values = [Data(Tag.DOUBLE_LONG_UNSIGNED, number)] * (len(self.columns) - self.timed)
            yield encode(Data(Tag.STRUCTURE, ((time, *values) if self.timed else tuple(values))))


def numbers(rows: Sequence[ProfileRow]) -> list[int]:
    """What tells one row from the others, out of its scaled values."""
    return [int(row.values["1-0:1.8.0"] * 10) for row in rows]


class ProfileCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch_rows(10)

    def patch_rows(self, rows: int) -> None:
        for module in (by_entry, by_range, intake):
            self.patch(module, "ROWS", rows)

    def read(
        self,
        session: ProfileSession,
        start: datetime.datetime | None = None,
        end: datetime.datetime | None = None,
        **options: Any,
    ) -> list[ProfileRow]:
        """All rows; after each break it goes on."""
        rows: list[ProfileRow] = []
        reading = ProfileReading(OBIS, start, end, rows.append, **options)
        for _ in range(MOST_RUNS):
            ran = Deferred.fromCoroutine(reading.run(session))  # type: ignore[arg-type]
            failed: list[Any] = []
            ran.addErrback(failed.append)
            if not failed:
                self.assertEqual(reading.rows, len(rows))
                return rows
            failed[0].trap(ClosedError)
        raise AssertionError("it never ends")

    def error_of(self, error: type[Exception], session: ProfileSession, **options: Any) -> str:
        return str(self.assertRaises(error, self.read, session, **options))
