"""Every state with every frame: nothing raises, and only the table moves."""

from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from dlmsd.dlms.hdlc.control import KINDS, Kind
from dlmsd.dlms.hdlc.frame import Frame
from dlmsd.dlms.hdlc.link import HdlcLink, State
from dlmsd.dlms.hdlc.negotiation import LinkParameters
from dlmsd.dlms.link import Ignored
from dlmsd.errors import LocalError
from tests.dlms.hdlc.meter import DM, LLC, UA, LinkTestCase, frame, i_frame, new


class EveryPairTests(LinkTestCase):
    def reach(self, state: State) -> HdlcLink:
        link = new()
        if state is State.IDLE:
            return link
        link.connect()
        if state in (State.CONNECTING, State.CONNECTED, State.DISCONNECTING):
            link.receive(frame(UA))
        if state in (State.CONNECTED, State.DISCONNECTING):
            link.receive(frame(UA))
            link.send(b"request")
        if state is State.DISCONNECTING:
            link.disconnect()
        self.assertIs(link.state, state)
        return link

    def test_nothing_raises(self) -> None:
        """Every control octet in every state, with and without information, then a timeout."""
        for state, control in product(State, range(256)):
            for information in (b"", LLC, b"\x81\x80\x14"):
                for segmented in (False, True):
                    link = self.reach(state)
                    events = link.receive(frame(control, information, segmented=segmented))
                    if state is State.IDLE:
                        self.assertIsInstance(events[0], Ignored)
                    link.timeout()
                    link.timeout()
                    link.connect()
                    self.assertIs(link.state, State.CLEARING)

    def test_what_moves_and_what_does_not(self) -> None:
        """The table, as a table."""
        moves = {
            (State.CLEARING, Kind.UA): State.CONNECTING,
            (State.CLEARING, Kind.DM): State.CONNECTING,
            (State.CONNECTING, Kind.UA): State.CONNECTED,
            (State.CONNECTED, Kind.DM): State.IDLE,
            (State.CONNECTED, Kind.FRMR): State.IDLE,
            (State.DISCONNECTING, Kind.UA): State.IDLE,
            (State.DISCONNECTING, Kind.DM): State.IDLE,
        }
        for state, kind in product(State, Kind):
            link = self.reach(state)
            numbered = kind in (Kind.I, Kind.RR, Kind.RNR)
            information = LLC if kind is Kind.I else b""
            link.receive(frame(KINDS.index(kind) | (0x30 if numbered else 0x10), information))
            self.assertIs(link.state, moves.get((state, kind), state), (state, kind))

    @settings(max_examples=200, deadline=None)
    @given(
        st.lists(
            st.one_of(
                st.sampled_from(["timeout", "connect", "disconnect", "send", "abort"]),
                st.builds(frame, st.integers(0, 255), st.binary(max_size=8)),
                st.builds(i_frame, st.integers(0, 7), st.integers(0, 7)),
                st.builds(frame, st.sampled_from([UA, UA, UA, DM])),
            ),
            max_size=60,
        )
    )
    def test_random_frames(self, steps: list[str | Frame]) -> None:
        """Only ``send`` may raise, and only LocalError, where the state does not allow it."""
        link = new(LinkParameters(64, 64, 3, 3))
        for step in steps:
            if isinstance(step, Frame):
                link.receive(step)
            elif step == "send":
                try:
                    link.send(bytes(100))
                except LocalError:
                    continue
            else:
                getattr(link, step)()
