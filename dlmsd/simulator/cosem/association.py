"""What a client finds about its own association: classes 1, 15 and 64.

Association LN lists the objects and what this client may do with each. Where a meter has
keys there are Security setup, and the counter that it heard last, which strangers may read
so that a client knows where to go on (0-0:43.1.0).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from attrs import frozen

from dlmsd.dlms.axdr.data import BitString, Data, Tag
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.cosem.object_list import ASSOCIATION_LN
from dlmsd.dlms.security.errors import SecurityError
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.get import Access
from dlmsd.dlms.xdlms.initiate import DLMS_VERSION
from dlmsd.dlms.xdlms.selective import ObjectIdList
from dlmsd.errors import DecodeError
from dlmsd.simulator.acceptance import context_of
from dlmsd.simulator.answer import Result
from dlmsd.simulator.cosem import literal, shape
from dlmsd.simulator.cosem.instance import Attribute, Instance, Method, constant
from dlmsd.simulator.meter import VirtualMeter
from dlmsd.simulator.personality import Client, Personality
from dlmsd.simulator.security import MeterSecurity

CLIENT_COUNTER: Final = Obis.parse("0-0:43.1.0")
SECURITY_SETUP: Final = Obis.parse("0-0:43.0.0")
# Since this version of Association LN the right to a method is an enum, as in meters of today.
_VERSION: Final = 1
_ASSOCIATED: Final = 2
# key_id of key_transfer.
_KEYS: Final = {0: "encryption", 1: "broadcast", 2: "authentication", 3: "master"}
# access_mode of attributes; of methods 1 is access.
_READ: Final = 1
_WRITE: Final = 2
_INVOKE: Final = literal.enum(1)


@frozen
class Granted:
    """One object, and what a client may do with it."""

    instance: Instance
    writes: bool

    def data(self, meter: VirtualMeter) -> Data:
        """object_list_element."""
        one = self.instance
        return literal.structure(
            literal.long_unsigned(one.class_id),
            literal.unsigned(one.version),
            literal.octets(one.obis.raw),
            literal.structure(*self.rights(meter)),
        )

    def rights(self, meter: VirtualMeter) -> tuple[Data, Data]:
        """attribute_access_descriptor and method_access_descriptor."""
        methods = [literal.structure(literal.integer(each), _INVOKE) for each in self.methods]
        return literal.array(*self._attributes(meter)), literal.array(*methods)

    @property
    def methods(self) -> tuple[int, ...]:
        """Those that may be invoked."""
        if self.writes or self.instance.class_id == ASSOCIATION_LN:
            return tuple(self.instance.methods)
        return ()

    def _attributes(self, meter: VirtualMeter) -> Iterator[Data]:
        for index, attribute in self.instance.attributes.items():
            mode = _READ if attribute.read else 0
            mode |= _WRITE if attribute.write and self.writes else 0
            chosen = attribute.selectors(meter) if attribute.select and attribute.read else ()
            selectors = literal.array(*map(literal.integer, chosen)) if chosen else literal.NULL
            yield literal.structure(literal.integer(index), literal.enum(mode), selectors)


def association_ln(
    client: Client,
    personality: Personality,
    security: MeterSecurity,
    obis: Obis,
    listed: Iterable[Granted],
) -> Instance:
    """The current association, under the name ``obis``; ``listed`` is consumed when the list or a
    part of it is read.
    """
    policy = personality.policy(client)
    conformance = BitString(personality.conformance.value.to_bytes(3, "big"), 24)
    context = literal.structure(
        Data(Tag.BIT_STRING, conformance),
        literal.long_unsigned(personality.max_pdu),
        literal.long_unsigned(personality.max_response or 0xFFFF),
        literal.unsigned(DLMS_VERSION),
        literal.integer(0),
        literal.octets(b""),
    )

    def selected(meter: VirtualMeter, t: float, access: Access) -> Result:
        try:
            wanted = ObjectIdList.of(access).ids
        except DecodeError:
            return DataAccessResult.TYPE_UNMATCHED
        found = [each for each in listed if (each.instance.class_id, each.instance.obis) in wanted]
        return literal.array(*[each.data(meter) for each in found])

    setup = SECURITY_SETUP.raw if client.high and security.keyed else b""
    # The proof is asked for before services are offered; there is no second one.
    proof = Method(lambda meter, t, parameters: ActionResult.OTHER_REASON, lambda data: True)
    return Instance.of(
        ASSOCIATION_LN,
        obis,
        {
            "object_list": Attribute(
                lambda meter, t: literal.array(*[each.data(meter) for each in listed]),
                select=selected,
                selectors=lambda meter: meter.equipment.object_selectors,
            ),
            "associated_partners_id": Attribute(
                lambda meter, t: literal.structure(
                    literal.integer(client.number), literal.long_unsigned(meter.place.logical)
                )
            ),
            "application_context_name": constant(literal.octets(context_of(policy).encode())),
            "xdlms_context_info": constant(context),
            "authentication_mechanism_name": constant(literal.octets(client.mechanism.encode())),
            "association_status": constant(literal.enum(_ASSOCIATED)),
            "security_setup_reference": constant(literal.octets(setup)),
        },
        {"reply_to_hls_authentication": proof} if client.high else {},
        version=_VERSION,
    )


def client_counter(security: MeterSecurity) -> Instance:
    """The last counter of a client under the unicast key."""
    return Instance.of(
        1,
        CLIENT_COUNTER,
        {
            "value": Attribute(
                lambda meter, t: literal.double_long_unsigned(security.client_counter)
            )
        },
    )


def security_setup(security: MeterSecurity) -> Instance:
    """Policy, suite and the meter's title, in the Blue Book's version 0; keys can be changed."""

    def transfer(meter: VirtualMeter, t: float, parameters: Data) -> ActionResult:
        wrapped = {}
        for number, key in shape.rows(parameters):
            if number not in _KEYS:
                return ActionResult.OTHER_REASON
            wrapped[_KEYS[number]] = key
        try:
            security.take_keys(wrapped)
        except SecurityError:
            return ActionResult.OTHER_REASON
        return ActionResult.SUCCESS

    policy = security.security.policy
    number = policy.authenticated + 2 * policy.encrypted
    return Instance.of(
        64,
        SECURITY_SETUP,
        {
            "security_policy": constant(literal.enum(number)),
            "security_suite": constant(literal.enum(security.security.suite.number)),
            "client_system_title": constant(literal.octets(b"")),
            "server_system_title": constant(literal.octets(security.title)),
        },
        {"key_transfer": Method(transfer, shape.array(shape.structure(shape.ENUM, shape.OCTETS)))},
    )
