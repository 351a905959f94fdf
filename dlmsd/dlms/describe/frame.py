"""Frames for people: kind, addresses, N(S), N(R), segments, parameters."""

from __future__ import annotations

from dlmsd.dlms.describe.data import hexadecimal
from dlmsd.dlms.describe.node import Node
from dlmsd.dlms.hdlc.control import Kind, receive_number, send_number
from dlmsd.dlms.hdlc.frame import BadFrame, Frame
from dlmsd.dlms.hdlc.negotiation import LinkParameters
from dlmsd.dlms.wrapper import WrapperFrame

_NUMBERED = (Kind.I, Kind.RR, Kind.RNR)
_AGREEING = (Kind.SNRM, Kind.UA)


def describe_frame(frame: Frame | BadFrame | WrapperFrame) -> Node:
    """A line for a frame, without the APDU in it; below it what SNRM or UA propose."""
    match frame:
        case BadFrame():
            return Node(f"no frame: {frame.reason}")
        case WrapperFrame():
            route = f"from {frame.source} to {frame.destination}"
            return Node(f"WRAPPER {route}, {len(frame.apdu)} octets")
    words = [f"HDLC {frame.kind.value} from {_address(frame.source)}"]
    words.append(f"to {_address(frame.destination)}")
    if frame.kind is Kind.I:
        words.append(f"N(S)={send_number(frame.control)}")
    if frame.kind in _NUMBERED:
        words.append(f"N(R)={receive_number(frame.control)}")
    if frame.kind is Kind.UNKNOWN:
        words.append(f"control {frame.control:02X}")
    text = " ".join(words) + (", P/F" if frame.final else "")
    if frame.segmented:
        text += ", more segments follow"
    if not frame.information:
        return Node(text)
    text += f", {len(frame.information)} octets"
    if frame.kind in _AGREEING:
        return Node(text, (_parameters(frame.information),))
    if frame.kind is Kind.FRMR:
        return Node(text, (Node(f"reason {hexadecimal(frame.information)}"),))
    return Node(text)


def _parameters(information: bytes) -> Node:
    told = LinkParameters.decode(information)
    return Node(
        f"information field {told.transmit_information} out, {told.receive_information} in; "
        f"window {told.transmit_window} out, {told.receive_window} in"
    )


def _address(octets: bytes) -> str:
    """One octet is a number; more are logical and physical device."""
    if len(octets) == 1:
        return str(octets[0] >> 1)
    half = len(octets) // 2
    parts = []
    for part in (octets[:half], octets[half:]):
        number = 0
        for octet in part:
            number = number << 7 | octet >> 1
        parts.append(str(number))
    return "/".join(parts)
