"""How the meter is reached: SAP assignment, HDLC, TCP-UDP, IPv4 and Push setup
(classes 17, 23, 41, 42, 40).

What the wire does is the personality's and cannot be written. Push setup keeps what is
written; a virtual meter pushes nothing.
"""

from __future__ import annotations

from typing import Final

from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.selective import CLOCK
from dlmsd.simulator.cosem import literal, shape
from dlmsd.simulator.cosem.instance import Attribute, Instance, Method, constant, writable

_SPEED_9600: Final = 5
_IP: Final = "0-0:25.1.0"
_TCP: Final = 0
_XDLMS: Final = 0
_LOOPBACK: Final = 0x7F000001

_CAPTURE: Final = shape.structure(
    shape.LONG_UNSIGNED, shape.NAME, shape.INTEGER, shape.LONG_UNSIGNED
)
_WINDOW: Final = shape.structure(shape.DATE_TIME, shape.DATE_TIME)
_DESTINATION: Final = shape.structure(shape.ENUM, shape.OCTETS, shape.ENUM)


def _number(value: int) -> Attribute:
    return constant(literal.long_unsigned(value))


_HDLC: Final = Instance.of(
    23,
    "0-0:22.0.0",
    {
        "comm_speed": constant(literal.enum(_SPEED_9600)),
        "window_size_transmit": Attribute(
            lambda meter, t: literal.unsigned(meter.place.link.transmit_window)
        ),
        "window_size_receive": Attribute(
            lambda meter, t: literal.unsigned(meter.place.link.receive_window)
        ),
        "max_info_field_length_transmit": Attribute(
            lambda meter, t: literal.long_unsigned(meter.place.link.transmit_information)
        ),
        "max_info_field_length_receive": Attribute(
            lambda meter, t: literal.long_unsigned(meter.place.link.receive_information)
        ),
        "inter_octet_time_out": _number(25),
        "inactivity_time_out": _number(180),
        "device_address": Attribute(lambda meter, t: literal.long_unsigned(meter.place.physical)),
    },
    version=1,
)
_TCP_UDP: Final = Instance.of(
    41,
    "0-0:25.0.0",
    {
        "tcp_udp_port": Attribute(lambda meter, t: literal.long_unsigned(meter.place.port)),
        "ip_reference": constant(literal.name(_IP)),
        "mss": _number(1460),
        "nb_of_sim_conn": constant(literal.unsigned(1)),
        "inactivity_time_out": _number(180),
    },
)
_IPV4: Final = Instance.of(
    42,
    _IP,
    {
        "dl_reference": constant(literal.name("0-0:25.2.0")),
        "ip_address": constant(literal.double_long_unsigned(_LOOPBACK)),
        "multicast_ip_address": constant(literal.array()),
        "ip_options": constant(literal.array()),
        "subnet_mask": constant(literal.double_long_unsigned(0xFF000000)),
        "gateway_ip_address": constant(literal.double_long_unsigned(0)),
        "use_dhcp_flag": constant(literal.boolean(False)),
        "primary_dns_address": constant(literal.double_long_unsigned(0)),
        "secondary_dns_address": constant(literal.double_long_unsigned(0)),
    },
)
_SAP: Final = Instance.of(
    17,
    "0-0:41.0.0",
    {
        "sap_assignment_list": Attribute(
            lambda meter, t: literal.array(
                literal.structure(
                    literal.long_unsigned(meter.place.logical), literal.octets(meter.device_name)
                )
            )
        )
    },
)


def _destination() -> Data:
    return literal.structure(literal.enum(_TCP), literal.octets(b""), literal.enum(_XDLMS))


_PUSH: Final = Instance.of(
    40,
    "0-0:25.9.0",
    {
        "push_object_list": writable(literal.array(CLOCK.data), shape.array(_CAPTURE)),
        "send_destination_and_method": writable(_destination(), _DESTINATION),
        "communication_window": writable(literal.array(), shape.array(_WINDOW)),
        "randomisation_start_interval": writable(literal.long_unsigned(0), shape.LONG_UNSIGNED),
        "number_of_retries": writable(literal.unsigned(0), shape.UNSIGNED),
        "repetition_delay": writable(literal.long_unsigned(0), shape.LONG_UNSIGNED),
    },
    # It reaches no destination.
    {"push": Method(lambda meter, t, _: ActionResult.TEMPORARY_FAILURE)},
)
OBJECTS: Final = (_HDLC, _TCP_UDP, _IPV4, _SAP, _PUSH)
