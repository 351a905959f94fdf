"""Provisioning, against the stand-in of ThingsBoard in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from treq.testing import StubTreq
from twisted.internet import error
from twisted.internet.defer import Deferred, fail
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from dlmsd.errors import DlmsdError
from dlmsd.meter.identity import Identity
from dlmsd.model import MeterState, MeterStatus
from dlmsd.publish import rest as api
from dlmsd.publish.provision import CHUNK, Granted, Outcome, Provisioning, Wish
from dlmsd.publish.rest import Account, Http, Rest, Site
from dlmsd.publish.tenant import Tenant
from dlmsd.secret import Secret
from tests.publish.bench import meter
from tests.publish.wishes import PEM, wish
from tests.thingsboard.case import ThingsBoardCase
from tests.thingsboard.device import Credentials
from tests.thingsboard.rest.build import rest
from tests.thingsboard.rest.site import User

TENANT = Account(username="tenant@thingsboard.org", password=Secret("tenant"))


class RestCase(ThingsBoardCase):
    def begin(self, release: str = "4.3", **limits: Any) -> None:
        super().begin(release, **limits)
        self.rest = rest(self.server)
        self.http: Http = StubTreq(self.rest)
        self.random = Random(1)

    def start(
        self, wishes: list[Wish], account: Account = TENANT, **options: Any
    ) -> tuple[Deferred[None], list[Granted]]:
        granted: list[Granted] = []
        tenant = Tenant(Rest(Site.parse("http://tb"), account, self.http, self.clock))
        doing = Provisioning(tenant, self.random.randbytes, granted.append, **options)
        return Deferred.fromCoroutine(doing.run(wishes)), granted

    def provision(self, *wishes: Wish, **options: Any) -> dict[str, Granted]:
        done, granted = self.start(list(wishes), **options)
        self.successResultOf(done)
        found = {one.wish.name: one for one in granted}
        self.assertEqual(len(granted), len(wishes))
        return found

    def refusal(self, *wishes: Wish, seconds: float = 0.0, **options: Any) -> DlmsdError:
        done, _ = self.start(list(wishes) or [wish("a")], **options)
        self.clock.run(seconds)
        failure = self.failureResultOf(done)
        assert isinstance(failure.value, DlmsdError)
        return failure.value

    def token(self, name: str) -> Secret:
        return Secret(self.server[name].credentials.id)


class ProvisioningTests(RestCase):
    def test_many_from_nothing_and_again(self) -> None:
        names = [f"m{number:03}" for number in range(2 * CHUNK + 50)]
        wishes = [wish(name, attributes={"address": f"{name}:3333"}) for name in names]
        first = self.provision(*wishes)
        self.assertEqual({one.outcome for one in first.values()}, {Outcome.CREATED})
        self.assertEqual(self.rest.requests.count("POST /api/device/bulk_import"), 3)
        for name in names:
            device = self.server[f"Device {name}"]
            self.assertEqual(
                (device.type, device.server), ("DLMS meter", {"address": f"{name}:3333"})
            )
            self.assertEqual(first[name].token, self.token(device.name))
        self.assertEqual(len({one.token for one in first.values()}), len(names))
        before = dict(self.server.devices)
        again = self.provision(*wishes)
        self.assertEqual({one.outcome for one in again.values()}, {Outcome.FOUND})
        self.assertEqual(
            [one.token for one in again.values()], [first[name].token for name in again]
        )
        self.assertEqual((self.server.devices, self.rest.requests[-1][:4]), (before, "POST"))

    def test_what_is_known_of_a_meter_becomes_attributes(self) -> None:
        """V2: and none of it a number there, which would lose a leading zero."""
        found = {"serial_number": "00012345", "firmware": "0042", "0-0:42.0.0": "ISK00012345"}
        status = MeterStatus("b", "h:1", "mt372", 5.0, MeterState.READING, values=found)
        self.provision(
            Wish.of(meter("a", serial_number="00054321"), "DLMS meter"),
            Wish.of(meter("b", profile="0372"), "DLMS meter", status),
            Wish.of(meter("c", serial_number="ISK-1"), "DLMS meter", None, Identity("c", "7")),
            Wish.of(meter("d"), "DLMS meter", None, Identity("d", "0077")),
        )
        place = {"address": "h:3333"}
        self.assertEqual(
            [self.server[f"Device {name}"].server for name in "abcd"],
            [
                place | {"profile": "microstar", "model": "microstar", "serial": "SN-00054321"},
                place
                | {"profile": "model 0372", "model": "model 0372", "serial": "SN-00012345"}
                | {"firmware": "v0042", "logical_device_name": "ISK00012345"},
                place | {"profile": "microstar", "model": "microstar", "serial": "ISK-1"},
                place | {"profile": "microstar", "model": "microstar", "serial": "SN-0077"},
            ],
        )

    def of_type(self, name: str, **given: Any) -> Wish:
        return Wish.of(meter(name, token=None, **given), "DLMS meter")

    def own(self) -> list[Wish]:
        """One of MQTT basic, one with a certificate."""
        path = Path(self.mktemp())
        path.write_text(PEM)
        basic = {"mqtt_client_id": "c", "mqtt_username": "u", "mqtt_password": Secret("canary")}
        return [self.of_type("a", **basic), self.of_type("b", mqtt_cert_file=path)]

    def test_other_types_of_credentials(self) -> None:
        """R8, R9"""
        wishes = self.own()
        made = self.provision(*wishes, wish("c"))
        self.assertEqual({one.outcome for one in made.values()}, {Outcome.CREATED})
        basic, certificate = (self.server[f"Device {name}"].credentials for name in "ab")
        expected = {"clientId": "c", "userName": "u", "password": "canary"}
        self.assertEqual((basic.type, dict(basic.basic)), ("MQTT_BASIC", expected))
        self.assertEqual((certificate.type, certificate.certificate), ("X509_CERTIFICATE", "AAEC"))
        self.assertEqual([made[name].token for name in "ab"], [None, None])
        self.assertEqual(self.visit("u", client_id="c", password="canary").connack, 0)
        self.server.certificate = lambda session: b"\0\1\2"
        self.assertEqual(self.visit(None).connack, 0)
        again = self.provision(*wishes)
        self.assertEqual({one.outcome for one in again.values()}, {Outcome.FOUND})
        self.assertNotIn("canary", repr(made))

    def test_a_device_of_another_type_is_a_conflict_until_it_is_wished(self) -> None:
        wishes = self.own()
        self.provision(wish("a"), wish("b"))
        before = [self.server[f"Device {name}"].credentials for name in "ab"]
        refused = self.provision(*wishes)
        self.assertEqual({one.outcome for one in refused.values()}, {Outcome.CONFLICT})
        self.assertIn("other credentials", refused["a"].error)
        dry = self.provision(*wishes, set_tokens=True, dry=True)
        self.assertEqual({one.outcome for one in dry.values()}, {Outcome.RENEWED})
        self.assertEqual([self.server[f"Device {name}"].credentials for name in "ab"], before)
        changed = self.provision(*wishes, set_tokens=True)
        self.assertEqual({one.outcome for one in changed.values()}, {Outcome.RENEWED})
        types = [self.server[f"Device {name}"].credentials.type for name in "ab"]
        self.assertEqual(types, ["MQTT_BASIC", "X509_CERTIFICATE"])

    def test_credentials_that_are_taken_or_none(self) -> None:
        self.provision(self.own()[0])
        twin = self.of_type(
            "d", mqtt_client_id="c", mqtt_username="u", mqtt_password=Secret("canary")
        )
        nothing = self.of_type("e", mqtt_cert_file=Path("absent.pem"))
        found = self.provision(twin, nothing)
        self.assertEqual({one.outcome for one in found.values()}, {Outcome.FAILED})
        self.assertIn("already assigned", found["d"].error)
        self.assertIn("absent.pem: no certificate", found["e"].error)

    def test_one_login_for_all(self) -> None:
        self.provision(*(wish(name) for name in "abcdefgh"))
        self.assertEqual(self.rest.requests.count("POST /api/auth/login"), 1)

    def test_names_that_csv_quotes(self) -> None:
        names = ['a, b "c"', "Medidor ñ", "x;y", "'=1+1"]
        found = self.provision(*(wish(name, device=name) for name in names))
        self.assertEqual({one.outcome for one in found.values()}, {Outcome.CREATED})
        self.assertEqual(
            [self.token(name) for name in names], [found[name].token for name in names]
        )

    def test_the_configurations_token_makes_the_device(self) -> None:
        self.assertEqual(
            self.provision(wish("a", token=Secret("mine")))["a"].outcome, Outcome.CREATED
        )
        self.assertEqual(self.token("Device a"), Secret("mine"))
        self.assertEqual(
            self.provision(wish("a", token=Secret("mine")))["a"].outcome, Outcome.FOUND
        )

    def test_another_token_is_a_conflict_until_it_is_wished(self) -> None:
        other = wish("a", device="meter", token=Secret("mine"))
        visitor = self.visit()
        granted = self.provision(other)["a"]
        self.assertEqual((granted.outcome, granted.token), (Outcome.CONFLICT, None))
        self.assertIn(Secret("meter").fingerprint(), granted.error)
        self.assertIn(Secret("mine").fingerprint(), granted.error)
        self.assertIn("--set-tokens", granted.advice)
        self.assertEqual((self.token("meter"), visitor.closed), (Secret("meter"), False))
        granted = self.provision(other, set_tokens=True, dry=True)["a"]
        self.assertEqual((granted.outcome, self.token("meter")), (Outcome.CHANGED, Secret("meter")))
        granted = self.provision(other, set_tokens=True)["a"]
        self.assertEqual((granted.outcome, granted.token), (Outcome.CHANGED, Secret("mine")))
        visitor.settle()
        self.assertEqual((self.token("meter"), visitor.closed), (Secret("mine"), True))

    def test_other_credentials_than_a_token(self) -> None:
        self.meter.credentials = Credentials("MQTT_BASIC", basic={"userName": "u"})
        granted = self.provision(wish("a", device="meter"))["a"]
        self.assertEqual(granted.outcome, Outcome.CONFLICT)
        granted = self.provision(wish("a", device="meter"), set_tokens=True)["a"]
        self.assertEqual((granted.outcome, granted.token), (Outcome.CHANGED, self.token("meter")))

    def test_one_that_fails_in_an_import_fails_alone(self) -> None:
        """Its token is another device's; the others' are told all the same."""
        wishes = [wish(name) for name in "abc"]
        found = self.provision(*wishes, wish("bad", token=Secret("gw")))
        bad = found.pop("bad")
        self.assertEqual((bad.outcome, bad.token), (Outcome.FAILED, None))
        self.assertIn("already assigned to another device", bad.error)
        for name, one in found.items():
            self.assertEqual(
                (one.outcome, one.token), (Outcome.CREATED, self.token(f"Device {name}"))
            )

    def test_a_gateway_is_made_and_a_device_made_one(self) -> None:
        granted = self.provision(wish("tb", gateway=True))["tb"]
        self.assertEqual(
            (granted.outcome, granted.token), (Outcome.CREATED, self.token("Device tb"))
        )
        self.assertIs(self.server["Device tb"].info["gateway"], True)
        self.meter.info["description"] = "kept"
        self.provision(wish("tb", device="meter", gateway=True))
        self.assertEqual(self.meter.info, {"gateway": True, "description": "kept"})

    def test_a_dry_run_changes_nothing(self) -> None:
        found = self.provision(wish("a"), wish("b", device="meter", gateway=True), dry=True)
        self.assertEqual(found["a"].outcome, Outcome.MISSING)
        self.assertEqual((found["b"].outcome, found["b"].token), (Outcome.FOUND, Secret("meter")))
        self.assertEqual(
            (len(self.server.devices), self.meter.gateway, self.meter.server), (2, None, {})
        )
        self.assertEqual({one[:4] for one in self.rest.requests[1:]}, {"GET "})


class AccountTests(RestCase):
    def test_an_api_key(self) -> None:
        self.rest.api_keys.add("tb_key")
        self.provision(wish("a"), account=Account(api_key=Secret("tb_key")))
        self.assertNotIn("POST /api/auth/login", self.rest.requests)
        error = self.refusal(account=Account(api_key=Secret("tb_wrong")))
        self.assertIsInstance(error, api.LoginError)

    def test_a_wrong_password_is_tried_once(self) -> None:
        wrong = Account(username="tenant@thingsboard.org", password=Secret("canary"))
        found = self.refusal(*(wish(name) for name in "abcdef"), account=wrong)
        self.assertEqual(str(found), "status 401: Invalid username or password")
        self.assertIn("check user name and password", found.advice)
        self.assertEqual(set(self.rest.requests), {"POST /api/auth/login"})

    def test_a_login_that_expires_meanwhile(self) -> None:
        tenant = Tenant(Rest(Site.parse("http://tb"), TENANT, self.http, self.clock))
        for _ in range(3):
            find = Deferred.fromCoroutine(tenant.find("meter"))
            device = self.successResultOf(find)
            self.assertEqual(device.id if device else "", self.meter.id)
            self.clock.run(9001)
        self.assertEqual(self.rest.requests.count("POST /api/auth/login"), 3)

    def test_a_user_who_may_not(self) -> None:
        self.rest.users["bob"] = User("pw", "CUSTOMER_USER")
        found = self.refusal(account=Account(username="bob", password=Secret("pw")))
        self.assertIsInstance(found, api.ForbiddenError)

    def test_a_rate_limit_is_waited_for(self) -> None:
        self.rest.limit = "5:10"
        done, granted = self.start([wish(name) for name in "abcdefghijkl"])
        self.assertNoResult(done)
        self.clock.run(300)
        self.successResultOf(done)
        self.assertEqual({one.outcome for one in granted}, {Outcome.CREATED})

    def test_a_rate_limit_that_never_ends(self) -> None:
        self.rest.limit = "1:100000"
        self.assertIsInstance(self.refusal(wish("a"), wish("b"), seconds=300), api.BusyError)

    def test_no_secret_is_shown(self) -> None:
        found = self.provision(wish("a", token=Secret("canary-token")))
        text = f"{found!r}{TENANT!r}{self.rest.requests!r}"
        for secret in ("canary-token", "'tenant'", *(one.credentials.id for one in self.devices())):
            self.assertNotIn(secret, text.replace("/api/tenant", ""))

    def devices(self) -> list[Any]:
        return [one for one in self.server.devices.values() if one.name.startswith("Device")]


class Page(Resource):
    """Another program's."""

    isLeaf = True

    def __init__(self, render: Callable[[Any], Any]) -> None:
        super().__init__()
        self.render = render  # type: ignore[method-assign]


class StrangerTests(RestCase):
    def met(self, answer: Callable[[Any], Any], seconds: float = 0.0) -> DlmsdError:
        self.http = StubTreq(Page(answer))
        return self.refusal(seconds=seconds)

    def test_a_page(self) -> None:
        found = self.met(lambda request: b"<html>welcome</html>")
        self.assertIsInstance(found, api.NoThingsBoardError)
        self.assertIn("--url", found.advice)

    def test_json_of_others(self) -> None:
        for body in (b"{}", b"[]", b"null", b'"x"', b'{"token": 5}', b""):
            self.assertIsInstance(self.met(lambda request, b=body: b), api.NoThingsBoardError)

    def test_devices_without_an_id(self) -> None:
        for body in (b'{"token":"x"}', b'{"token":"x","id":{}}', b'{"token":"x","id":7}'):
            self.assertIsInstance(self.met(lambda request, b=body: b), api.NoThingsBoardError)

    def test_it_sends_us_elsewhere(self) -> None:
        def redirect(request: Any) -> bytes:
            assert request.path == b"/api/auth/login", "followed"
            request.redirect(b"http://elsewhere/")
            return b""

        self.assertIsInstance(self.met(redirect), api.NoThingsBoardError)

    def test_it_never_answers(self) -> None:
        found = self.met(lambda request: NOT_DONE_YET, seconds=api.TIMEOUT + 1)
        self.assertEqual(str(found), "no answer within 30 s")

    def test_it_never_ends(self) -> None:
        found = self.met(lambda request: b" " * (api.LONGEST + 1))
        self.assertIsInstance(found, api.NoThingsBoardError)

    def test_it_is_not_there(self) -> None:
        for trouble, words in (
            (error.ConnectionRefusedError(), "connection refused"),
            (error.DNSLookupError("tb"), "the host name is unknown"),
            (error.TCPTimedOutError(), "no answer to the connection attempt"),
            (error.ConnectionLost(), "the connection broke (ConnectionLost)"),
        ):

            class Broken:
                def request(self, *_: Any, each: Any = trouble, **__: Any) -> Deferred[Any]:
                    return fail(each)

            self.http = Broken()
            found = self.refusal()
            self.assertEqual((type(found), str(found)), (api.UnreachableError, words))

    def test_sites(self) -> None:
        for text in ("http://h", "https://h:8443/", "https://h/tb"):
            self.assertEqual(Site.parse(text).url, text.rstrip("/"))
        for text in (
            "h",
            "ftp://h",
            "http://",
            "http://u:p@h",
            "http://h/?x",
            "http://h:x",
            "http://h:0",
        ):
            self.assertRaises(api.Refusal, Site.parse, text)
