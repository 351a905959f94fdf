"""Measurements out of Compact data: one buffer read in place of many attributes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TypeAlias

from attrs import frozen

from dlmsd.config.values import Measurement
from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.compact_data import Template, compact_buffer, template_attributes
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.outcome import GetResult
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.errors import DecodeError
from dlmsd.meter.scales import Reads


@frozen
class Unread:
    """Why there is no value although the meter gave an answer."""

    reason: str


_Row: TypeAlias = dict[AttributeDescriptor, Data] | DataAccessResult | Unread


class CompactReader:
    """Reads of one session. Templates are asked for once, and again where one does not fit."""

    def __init__(self, session: Reads) -> None:
        self._session = session
        self._templates: dict[Obis, Template] = {}

    async def get(self, wanted: Sequence[Measurement]) -> list[GetResult | Unread]:
        """A result for each, in order: its attribute's, or its column's of a buffer."""
        sources = list(dict.fromkeys(one.compact for one in wanted if one.compact is not None))
        asked = [one.attribute for one in wanted if one.compact is None]
        asked += [compact_buffer(obis) for obis in sources]
        told = await self._session.get_many(asked)
        direct, buffers = told[: len(asked) - len(sources)], told[len(asked) - len(sources) :]
        rows = {
            obis: await self._row(obis, buffer)
            for obis, buffer in zip(sources, buffers, strict=True)
        }
        attributes = iter(direct)
        return [
            next(attributes) if one.compact is None else _column(one, rows[one.compact])
            for one in wanted
        ]

    async def columns(self, wanted: Measurement) -> list[Measurement]:
        """Of a compact_buffer one for each of its columns; else the measurement itself, also
        where the meter does not tell what is in the buffer.
        """
        obis = wanted.attribute.obis
        if wanted.attribute != compact_buffer(obis) or wanted.compact is not None:
            return [wanted]
        template = await self._learned(obis)
        if isinstance(template, Unread):
            return [wanted]
        return [
            Measurement(name, column.attribute, name, compact=obis)
            for column in template.columns
            if not column.data_index and column.attribute.obis != obis
            for name in (f"{wanted.key}/{column.attribute.obis}",)
        ]

    async def _row(self, obis: Obis, buffer: GetResult) -> _Row:
        if isinstance(buffer, DataAccessResult):
            return buffer
        known = self._templates.get(obis)
        if known is not None:
            with suppress(DecodeError):
                return _named(known, buffer)
        template = await self._learned(obis)
        if isinstance(template, Unread):
            return template
        try:
            return _named(template, buffer)
        except DecodeError as error:
            return Unread(str(error))

    async def _learned(self, obis: Obis) -> Template | Unread:
        parts = []
        for told in await self._session.get_many(template_attributes(obis)):
            if isinstance(told, DataAccessResult):
                return Unread(f"its template cannot be read: {told.words}")
            parts.append(told)
        try:
            template = self._templates[obis] = Template.of(obis, *parts)
        except DecodeError as error:
            return Unread(f"its template cannot be read: {error}")
        return template


def _named(template: Template, buffer: Data) -> dict[AttributeDescriptor, Data]:
    """Whole attributes; of one that is captured twice the first."""
    whole = [(column, value) for column, value in template.row(buffer) if not column.data_index]
    return {column.attribute: value for column, value in reversed(whole)}


def _column(wanted: Measurement, row: _Row) -> GetResult | Unread:
    if not isinstance(row, dict):
        return row
    value = row.get(wanted.attribute)
    return Unread(f"{wanted.compact} does not capture it") if value is None else value
