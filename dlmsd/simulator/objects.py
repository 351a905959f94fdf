"""What a meter shows to a client: its objects, less those that the client may not see."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

from attrs import field, frozen

from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.cosem.object_list import CURRENT_ASSOCIATION
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action import ActionAnswer
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.get import Access
from dlmsd.simulator.answer import Result
from dlmsd.simulator.cosem.association import (
    CLIENT_COUNTER,
    SECURITY_SETUP,
    Granted,
    association_ln,
    client_counter,
    security_setup,
)
from dlmsd.simulator.cosem.instance import Instance
from dlmsd.simulator.cosem.registry import INSTANCES
from dlmsd.simulator.cosem.schedule import run_due
from dlmsd.simulator.cosem.short_names import base_names
from dlmsd.simulator.meter import VirtualMeter
from dlmsd.simulator.personality import Client, Personality
from dlmsd.simulator.quirks import OTHER_ASSOCIATION, Quirk
from dlmsd.simulator.security import MeterSecurity
from dlmsd.simulator.terms import Named

_SHORT_NAMES: Final = base_names(
    (
        *((one.class_id, one.obis) for one in INSTANCES.values()),
        (1, CLIENT_COUNTER),
        (64, SECURITY_SETUP),
    )
)


@frozen
class Objects:
    """The objects of one meter. ``wall`` gives Unix seconds."""

    meter: VirtualMeter
    security: MeterSecurity
    wall: Callable[[], float] = field(repr=False)
    personality: Personality = field(repr=False)

    @property
    def association(self) -> Obis:
        """The name of the current association's object."""
        other = Quirk.OTHER_ASSOCIATION in self.personality.quirks
        return OTHER_ASSOCIATION if other else CURRENT_ASSOCIATION

    def read(
        self, client: Client, attribute: AttributeDescriptor, access: Access | None = None
    ) -> Result:
        """An attribute's value now, or the part that ``access`` selects; else why
        ``client`` cannot read it.
        """
        found = self._find(client, attribute.class_id, attribute.obis)
        if isinstance(found, DataAccessResult):
            return found
        return found.instance.read(self.meter, self.wall(), attribute.attribute, access)

    def write(
        self,
        client: Client,
        attribute: AttributeDescriptor,
        value: Data,
        access: Access | None = None,
    ) -> DataAccessResult:
        """Write an attribute for as long as the meter lives; else why ``client`` cannot."""
        found = self._find(client, attribute.class_id, attribute.obis)
        if isinstance(found, DataAccessResult):
            return found
        if not found.writes:
            return DataAccessResult.READ_WRITE_DENIED
        if access is not None:
            return DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
        return found.instance.write(self.meter, self.wall(), attribute.attribute, value)

    def invoke(
        self, client: Client, method: MethodDescriptor, parameters: Data | None
    ) -> ActionAnswer:
        """Carry out a method; else why ``client`` cannot have it done."""
        found = self._find(client, method.class_id, method.obis)
        if isinstance(found, DataAccessResult):
            return ActionAnswer(ActionResult(found))
        if method.method not in found.methods:
            return ActionAnswer(ActionResult.READ_WRITE_DENIED)
        return found.instance.invoke(self.meter, self.wall(), method.method, parameters)

    def shown(self, client: Client) -> Iterator[Granted]:
        """What ``client`` may see, and what it may do with it."""
        own = [self.association]
        if self.security.keyed:
            own += [CLIENT_COUNTER, SECURITY_SETUP]
        for obis in own:
            if obis == self.association or _sees(client, obis):
                yield Granted(self._own(client, obis), client.writes)
        for one in INSTANCES.values():
            if _sees(client, one.obis):
                yield Granted(one, client.writes)

    def named(self, client: Client) -> Iterator[Named]:
        """What ``client`` may see and short names reach, less the association itself."""
        for granted in self.shown(client):
            one, base = granted.instance, _SHORT_NAMES.get(granted.instance.obis)
            if base is not None:
                attributes, methods = tuple(one.attributes), tuple(one.methods)
                rights = partial(granted.rights, self.meter)
                yield Named(base, one.class_id, one.version, one.obis, attributes, methods, rights)

    def short_names(self) -> Mapping[Obis, int]:
        """The base name of each object but those of associations, always the same."""
        return _SHORT_NAMES

    def _find(self, client: Client, class_id: int, obis: Obis) -> Granted | DataAccessResult:
        """An object, or why ``client`` has it not; what is due happens before."""
        run_due(self.meter, self.wall())
        if obis not in (self.association, CLIENT_COUNTER, SECURITY_SETUP):
            found = self.meter.find(class_id, obis)
            if isinstance(found, DataAccessResult):
                return found
        elif obis != self.association and not self.security.keyed:
            return DataAccessResult.OBJECT_UNDEFINED
        else:
            found = self._own(client, obis)
            if found.class_id != class_id:
                return DataAccessResult.OBJECT_CLASS_INCONSISTENT
        if obis != self.association and not _sees(client, obis):
            return DataAccessResult.READ_WRITE_DENIED
        return Granted(found, client.writes)

    def _own(self, client: Client, obis: Obis) -> Instance:
        """One that belongs to associations and not to measuring."""
        if obis == CLIENT_COUNTER:
            return client_counter(self.security)
        if obis == SECURITY_SETUP:
            return security_setup(self.security)
        return association_ln(
            client, self.personality, self.security, self.association, self.shown(client)
        )


def _sees(client: Client, obis: Obis) -> bool:
    return not client.sees or obis in map(Obis.parse, client.sees)
