"""Server-sent events under a clock of our own: snapshot, batches, heartbeats, slow readers."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.model import AlarmStatus, Gone, ReloadStatus, SinkState
from dlmsd.web.live import BACKLOG, HEARTBEAT_SECONDS, STREAMS
from tests.web.visitor import METER, OUTBOX, SINK, Answer, Transport, Visitor, lose


def read(transport: Transport) -> Answer:
    return Answer.parse(transport.value())


class LiveTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.visitor = Visitor()
        self.reactor = self.visitor.reactor

    def test_a_snapshot_comes_first(self) -> None:
        _, transport = self.visitor.open("/api/live")
        answer = read(transport)
        self.assertEqual(answer.headers["content-type"], "text/event-stream")
        self.assertEqual(answer.headers["cache-control"], "no-store")
        [(kind, _, data)] = answer.events
        self.assertEqual(kind, "snapshot")
        self.assertEqual(data, self.visitor.ask("/api/status").json)

    def test_the_document_tells_of_it(self) -> None:
        for proxy, statuses in ((False, {"200", "403"}), (True, {"200", "401", "403", "429"})):
            visitor = Visitor(proxy=proxy)
            paths = visitor.ask("/api/openapi.json").json["paths"]
            responses = paths["/api/live"]["get"]["responses"]
            self.assertEqual(list(responses["200"]["content"]), ["text/event-stream"])
            self.assertEqual(set(responses), {*statuses, "415", "422", "503"})
            session = paths["/api/session"]["get"]["responses"]["200"]["content"]
            self.assertEqual(list(session), ["application/json"])

    def test_before_meters_are_read_it_is_there(self) -> None:
        self.visitor.ready = False
        _, transport = self.visitor.open("/api/live")
        self.assertEqual(read(transport).events[0][0], "snapshot")
        self.assertEqual(self.visitor.ask("/api/live?x=1").status, 422)

    def test_only_what_changed_follows(self) -> None:
        self.visitor.board.post(evolve(METER, name="planta-b"))
        _, transport = self.visitor.open("/api/live")
        self.visitor.change(good=198)
        self.reactor.advance(0)
        kind, _, data = read(transport).events[1]
        self.assertEqual(kind, "change")
        self.assertEqual(list(data), ["now", "meters"])
        self.assertEqual([(m["name"], m["good"]) for m in data["meters"]], [("planta-a", 198)])

    def test_at_most_one_batch_a_second_with_the_latest_of_each(self) -> None:
        _, transport = self.visitor.open("/api/live")
        for step in range(30):
            self.visitor.change(good=200 + step)
            self.reactor.advance(0.125)
        goods = [data["meters"][0]["good"] for _, _, data in read(transport).events[1:]]
        self.assertEqual(goods, [200, 208, 216, 224])
        self.reactor.advance(1)
        self.assertEqual(read(transport).events[-1][2]["meters"][0]["good"], 229)

    def test_what_is_gone_is_missing_in_a_new_snapshot(self) -> None:
        self.visitor.board.post(evolve(METER, name="planta-b"))
        _, transport = self.visitor.open("/api/live")
        self.visitor.board.post(ReloadStatus(1, "SIGHUP", removed=("planta-b",)))
        self.visitor.board.post(Gone("meter", "planta-b"))
        self.reactor.advance(1)
        (_, (kind, _, data)) = read(transport).events
        self.assertEqual(
            (kind, [one["name"] for one in data["meters"]]), ("snapshot", ["planta-a"])
        )
        self.visitor.board.post(Gone("sink", SINK.name))
        self.reactor.advance(1)
        self.assertEqual(read(transport).events[-1][2]["sinks"], [])
        self.visitor.change(good=300)
        self.reactor.advance(1)
        self.assertEqual(read(transport).events[-1][0], "change")

    def test_ids_grow_and_a_reader_that_returns_gets_a_snapshot(self) -> None:
        protocol, transport = self.visitor.open("/api/live")
        for good in (198, 199):
            self.visitor.change(good=good)
            self.reactor.advance(1)
        events = read(transport).events
        self.assertEqual([number for _, number, _ in events], [0, 1, 2])
        lose(protocol)
        _, again = self.visitor.open("/api/live", Last_Event_ID="2")
        [(kind, number, data)] = read(again).events
        self.assertEqual((kind, number), ("snapshot", 2))
        self.assertEqual(data["meters"][0]["good"], 199)

    def test_sinks_come_with_the_outbox_that_counts_their_queue(self) -> None:
        _, transport = self.visitor.open("/api/live")
        self.visitor.board.post(evolve(OUTBOX, queued={"tb": 7}))
        self.reactor.advance(0)
        data = read(transport).events[1][2]
        self.assertEqual(data["sinks"][0]["queued"], 7)
        self.assertEqual(data["outbox"]["queued"], {"tb": 7})
        self.visitor.board.post(evolve(SINK, state=SinkState.DOWN))
        self.reactor.advance(1)
        data = read(transport).events[2][2]
        self.assertEqual((data["sinks"][0]["state"], "outbox" in data), ("down", False))

    def test_alarms_and_the_configurations_last_reading(self) -> None:
        _, transport = self.visitor.open("/api/live")
        (_, _, first) = read(transport).events[0]
        self.assertEqual((first["alarms"], first["reload"]), ({}, None))
        self.visitor.board.post(AlarmStatus({"error": 2}))
        self.reactor.advance(0)
        data = read(transport).events[1][2]
        self.assertEqual((data["alarms"], "reload" in data), ({"error": 2}, False))
        self.visitor.board.post(ReloadStatus(7, "SIGHUP", refused={"b\ud800": "no"}))
        self.reactor.advance(1)
        data = read(transport).events[2][2]
        self.assertEqual((data["reload"]["ts"], data["reload"]["refused"]), (7, {"b?": "no"}))
        self.assertNotIn("alarms", data)

    def test_heartbeats_while_nothing_happens(self) -> None:
        _, transport = self.visitor.open("/api/live")
        self.reactor.pump([HEARTBEAT_SECONDS] * 3)
        self.assertEqual(read(transport).body.count(b": still here\n\n"), 3)

    def test_nothing_runs_when_nobody_reads(self) -> None:
        before = len(self.reactor.getDelayedCalls())
        self.visitor.change(good=1)
        self.assertEqual(len(self.reactor.getDelayedCalls()), before)
        protocol, _ = self.visitor.open("/api/live")
        self.visitor.change(good=2)
        self.assertEqual(len(self.reactor.getDelayedCalls()), before + 2)
        lose(protocol)
        self.assertEqual(len(self.reactor.getDelayedCalls()), before)

    def test_one_too_many(self) -> None:
        for _ in range(STREAMS):
            self.visitor.open("/api/live")
        answer = self.visitor.ask("/api/live")
        self.assertEqual((answer.status, answer.headers["retry-after"]), (503, "15"))


class SlowReaderTests(SynchronousTestCase):
    """A reader whose connection is full."""

    def setUp(self) -> None:
        self.visitor = Visitor()
        self.reactor = self.visitor.reactor
        self.protocol, self.transport = self.visitor.open("/api/live")
        self.transport.producer.pauseProducing()
        self.sent = len(self.transport.value())

    def fill(self, good: int) -> None:
        self.visitor.change(good=good, error="x" * (BACKLOG // 4 - 2000))
        self.reactor.advance(1)

    def test_it_is_not_written_to_and_later_gets_everything_in_order(self) -> None:
        for good in (1, 2, 3):
            self.fill(good)
        self.assertEqual(len(self.transport.value()), self.sent)
        self.transport.producer.resumeProducing()
        goods = [e[2]["meters"][0]["good"] for e in read(self.transport).events[1:]]
        self.assertEqual(goods, [1, 2, 3])

    def test_it_is_dropped_above_the_limit_and_others_are_not(self) -> None:
        _, other = self.visitor.open("/api/live")
        for good in (1, 2, 3, 4):
            self.fill(good)
        self.assertFalse(self.transport.aborted)
        self.fill(5)
        self.assertTrue(self.transport.aborted)
        self.assertEqual(len(self.transport.value()), self.sent)
        self.fill(6)
        self.assertEqual(read(other).events[-1][2]["meters"][0]["good"], 6)
        self.assertFalse(other.aborted)

    def test_full_again_while_it_is_given_what_waited(self) -> None:
        for good in (1, 2):
            self.fill(good)
        producer = self.transport.producer
        write = self.transport.write

        def full(data: bytes) -> None:
            write(data)
            producer.pauseProducing()

        self.transport.write = full
        self.transport.writeSequence = lambda parts: full(b"".join(parts))
        producer.resumeProducing()
        goods = [e[2]["meters"][0]["good"] for e in read(self.transport).events[1:]]
        self.assertEqual(goods, [1])
