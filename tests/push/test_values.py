"""The values of published pushes, with the shipped profiles where the meter tells too little."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.capture import CaptureObject
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.xdlms.notification import DataNotification, EventNotificationRequest
from dlmsd.dlms.xdlms.short_name import InformationReport, VariableName
from dlmsd.errors import DecodeError
from dlmsd.meter.payload import decode_push
from dlmsd.push.values import Picker
from tests.push.pushes import apdus, meter, picked, shown
from tests.vectors import hdlc
from tests.vectors import push as vectors

KAIFA = 'profile = "kaifa-han"'


class SelfDescribedTests(SynchronousTestCase):
    def test_aidon(self) -> None:
        (apdu,) = apdus(vectors.AIDON_3)
        found = picked(apdu)
        self.assertEqual(
            shown(found.values),
            {
                "active_power": "280",
                "active_power_export": "0",
                "reactive_power": "0",
                "reactive_power_export": "128",
                "current_l1": "1.3",
                "current_l3": "0.9",
                "voltage_l1": "227.6",
                "voltage_l2": "230.3",
                "voltage_l3": "230.9",
                "active_energy": "22721380",
                "active_energy_export": "0",
                "reactive_energy": "582430",
                "reactive_energy_export": "1708430",
            },
        )
        self.assertEqual((found.units["voltage_l1"], found.units["active_energy"]), ("V", "Wh"))
        self.assertIn("7359992892587665", decode_push(apdu).identities)

    def test_iskraemeco(self) -> None:
        (apdu,) = apdus(*vectors.ISKRAEMECO)
        found = shown(picked(apdu).values)
        self.assertEqual(found["active_energy_t2"], "179501")
        self.assertEqual((found["voltage_l1"], found["current_l2"]), ("236.4", "0.89"))
        self.assertIn("84895126", decode_push(apdu).identities)

    def test_kaifa_in_austria(self) -> None:
        found = shown(picked(vectors.SALZBURG).values)
        self.assertEqual(len(found), 12)
        self.assertEqual((found["voltage_l1"], found["current_l1"]), ("229.2", "1.65"))
        self.assertEqual(found["active_energy"], "1327456")
        self.assertIn("1KFM0200234804", decode_push(vectors.SALZBURG).identities)

    def test_sagemcom(self) -> None:
        found = picked(vectors.SAGEMCOM_XT211, 'profile = "sagemcom-xt211-han"')
        self.assertEqual(len(found.values), 14)
        self.assertEqual(shown(found.values)["active_power_l2"], "1703")
        self.assertEqual(found.units["active_energy_t1"], "Wh")

    def test_landis_gyr_e350(self) -> None:
        profile = 'profile = "landis-gyr-e350-han"'
        long, short = apdus(vectors.LANDIS_GYR_E350_13, vectors.LANDIS_GYR_E350_1)
        found = picked(long, profile)
        values = shown(found.values)
        self.assertEqual((len(values), values["active_power"]), (10, "9460"))
        self.assertEqual((values["current_l3"], values["voltage_l1"]), ("34.32", "235.0"))
        self.assertEqual((found.units["current_l3"], found.units["reactive_power"]), ("A", "var"))
        self.assertEqual(shown(picked(short, profile).values), {"active_power": "9460"})
        self.assertIn("13943597", decode_push(long).identities)

    def test_kamstrup(self) -> None:
        (apdu,) = apdus(vectors.KAMSTRUP)
        found = picked(apdu, 'profile = "kamstrup-han"')
        values = shown(found.values)
        self.assertEqual((values["active_power"], values["current_l1"]), ("1468", "5.64"))
        self.assertEqual((values["voltage_l3"], found.units["current_l3"]), ("233", "A"))

    def test_an_event_has_one_value(self) -> None:
        attribute = AttributeDescriptor(3, Obis.parse("1-0:32.7.0"), 2)
        value = Data(Tag.LONG_UNSIGNED, 2301)
        apdu = EventNotificationRequest(None, attribute, value).encode()
        self.assertEqual(shown(picked(apdu).values), {"voltage_l1": "2301"})
        said = 'push_units = { "1-0:32.7.0" = { scaler = -1, unit = "V" } }'
        self.assertEqual(shown(picked(apdu, said).values), {"voltage_l1": "230.1"})

    def test_short_names_have_the_names_of_a_list(self) -> None:
        values = (Data(Tag.LONG_UNSIGNED, 7), Data(Tag.LONG_UNSIGNED, 8))
        apdu = InformationReport(None, (VariableName(8), VariableName(16)), values).encode()
        self.assertEqual(shown(picked(apdu).values), {})
        found = picked(apdu, 'push_lists = [["", "1-0:1.7.0"]]')
        self.assertEqual(shown(found.values), {"active_power": "8"})


class ObjectListTests(SynchronousTestCase):
    def test_landis_gyr(self) -> None:
        (apdu,) = apdus(*hdlc.PUSH_BLOCKS)
        found = picked(apdu, 'profile = "landis-gyr-e450-han"')
        values = shown(found.values)
        self.assertEqual(values["active_energy_t1"], "3546968")
        self.assertEqual(found.units["active_energy_t1"], "Wh")
        (apdu,) = apdus(vectors.LANDIS_GYR_CYPRUS)
        values = shown(picked(apdu, 'profile = "landis-gyr-e450-han"').values)
        self.assertEqual((values["active_power"], values["active_power_l3"]), ("187", "80"))
        self.assertEqual((values["voltage_l2"], values["frequency"]), ("239", "50"))

    def push(self, *pairs: tuple[CaptureObject, Data], count: int | None = None) -> bytes:
        objects = Data(Tag.ARRAY, tuple(one.data for one, _ in pairs))
        values = tuple(data for _, data in pairs)[:count]
        body = Data(Tag.STRUCTURE, (objects, *values))
        return DataNotification(1, None, body).encode()

    def test_scaler_and_unit_among_the_objects(self) -> None:
        obis = Obis.parse("1-0:31.7.0")
        unit = Data(Tag.STRUCTURE, (Data(Tag.INTEGER, -2), Data(Tag.ENUM, 33)))
        value = Data(Tag.LONG_UNSIGNED, 1234)
        apart = self.push(
            (CaptureObject(AttributeDescriptor(3, obis, 3)), unit),
            (CaptureObject(AttributeDescriptor(3, obis, 2)), value),
        )
        name = Data(Tag.OCTET_STRING, obis.raw)
        whole = self.push(
            (
                CaptureObject(AttributeDescriptor(3, obis, 0)),
                Data(Tag.STRUCTURE, (name, value, unit)),
            )
        )
        for apdu in (apart, whole):
            found = picked(apdu)
            self.assertEqual(shown(found.values), {"current_l1": "12.34"})
            self.assertEqual(found.units, {"current_l1": "A"})

    def test_a_list_without_its_values_names_nothing(self) -> None:
        obis = Obis.parse("1-0:31.7.0")
        one = (CaptureObject(AttributeDescriptor(3, obis, 2)), Data(Tag.UNSIGNED, 1))
        error = self.assertRaises(DecodeError, decode_push, self.push(one, one, count=1))
        self.assertIn("1 values follow 2 push objects", str(error))


class TemplateTests(SynchronousTestCase):
    def test_every_list_of_kaifa(self) -> None:
        for octets, count, power in (
            (vectors.KAIFA_1, 1, "3416"),
            (vectors.KAIFA_9, 6, "1347"),
            (vectors.KAIFA_13, 10, "3416"),
            (vectors.KAIFA_14, 10, "1802"),
            (vectors.KAIFA_18, 14, "2797"),
        ):
            (apdu,) = apdus(octets)
            found = picked(apdu, KAIFA)
            self.assertEqual(len(found.values), count)
            self.assertEqual(shown(found.values)["active_power"], power)
        self.assertEqual(
            {key: shown(found.values)[key] for key in ("current_l2", "voltage_l1", "voltage_l2")},
            {"current_l2": "4.049", "voltage_l1": "235.3", "voltage_l2": "0.0"},
        )
        self.assertEqual(shown(found.values)["active_energy"], "82628217")

    def test_without_a_list_there_are_no_values(self) -> None:
        (apdu,) = apdus(vectors.KAIFA_13)
        self.assertEqual(picked(apdu).values, {})


class ReadTests(SynchronousTestCase):
    """What ``read`` wants, out of the same pushes."""

    def test_names_units_and_other_channels(self) -> None:
        (apdu,) = apdus(vectors.AIDON_3)
        found = picked(
            apdu,
            "[meters.read]",
            'energy = { obis = "1-0:1.8.0", unit = "kWh" }',
            "voltage_l1 = {}",
            'serial = { obis = "0-0:96.1.0", class = 1 }',
            "frequency = {}",
        )
        self.assertEqual(
            shown(found.values),
            {"energy": "22721.38", "voltage_l1": "227.6", "serial": "7359992892587665"},
        )
        self.assertEqual(found.units, {"energy": "kWh", "voltage_l1": "V", "serial": ""})
        self.assertEqual(found.absent, {})

    def test_two_channels_are_not_taken_for_each_other(self) -> None:
        apdu = _numbered("1-2:1.7.0", "1-3:1.7.0")
        self.assertEqual(picked(apdu, 'read = ["active_power"]').values, {})
        self.assertEqual(shown(picked(apdu).values), {"1-2:1.7.0": "1", "1-3:1.7.0": "2"})

    def test_another_device_or_channel_is_not_taken(self) -> None:
        """On M-Bus value group B is the device; and what has a name keeps it."""
        read = (
            "[meters.read]",
            'gas = "0-1:24.2.1"',
            'water = "0-2:24.2.1"',
            'first = "1-1:1.8.0"',
            'second = "1-2:1.8.0"',
            'id = { obis = "0-0:96.1.0", class = 1 }',
        )
        for codes, expected in (
            (("0-2:24.2.1", "1-2:1.8.0", "0-1:96.1.0"), {"water": "1", "second": "2"}),
            (("0-1:24.2.1", "1-0:1.8.0"), {"gas": "1", "first": "2"}),
            (("0-0:24.2.1", "1-3:1.8.0"), {}),
        ):
            found = picked(_numbered(*codes), *read)
            self.assertEqual(shown(found.values), expected, codes)
        both = ("[meters.read]", 'main = "1-0:1.8.0"', 'part = "1-1:1.8.0"')
        for code, name in (("1-0:1.8.0", "main"), ("1-1:1.8.0", "part")):
            self.assertEqual(shown(picked(_numbered(code), *both).values), {name: "1"})

    def test_a_unit_that_nobody_vouches_for(self) -> None:
        (apdu,) = apdus(vectors.KAMSTRUP)
        found = picked(apdu, 'read.current_l1 = { obis = "1-1:31.7.0", unit = "A" }')
        self.assertEqual(found.values, {})
        self.assertEqual(found.absent, {"current_l1": "the meter tells no unit, not A"})
        said = 'read.current_l1 = { obis = "1-1:31.7.0", unit = "A", scale = 0.01 }'
        self.assertEqual(shown(picked(apdu, said).values), {"current_l1": "5.64"})

    def test_transformers_before_the_meter(self) -> None:
        (apdu,) = apdus(vectors.AIDON_3)
        values = shown(picked(apdu, "ct_ratio = 40").values)
        self.assertEqual(
            (values["current_l1"], values["voltage_l1"], values["active_power"]),
            ("52.0", "227.6", "11200"),
        )

    def test_every(self) -> None:
        (apdu,) = apdus(vectors.AIDON_3)
        picker = Picker(meter('read.frequency = { obis = "1-0:32.7.0", every = 60 }'))
        push = decode_push(apdu)
        counts = [len(picker.pick(push, now).values) for now in (0.0, 30.0, 59.0, 60.0, 90.0)]
        self.assertEqual(counts, [1, 0, 0, 1, 0])

    def test_no_single_value(self) -> None:
        obis = Data(Tag.OCTET_STRING, Obis.parse("1-0:1.7.0").raw)
        body = Data(Tag.STRUCTURE, (obis, Data(Tag.NULL_DATA, None)))
        apdu = DataNotification(1, None, body).encode()
        found = picked(apdu, 'read = ["active_power"]')
        self.assertEqual(found.absent, {"active_power": "no single value here: null_data"})


def _numbered(*codes: str) -> bytes:
    """A push of OBIS codes and, beside them, 1, 2 and so on."""
    body = []
    for number, code in enumerate(codes, start=1):
        body += [Data(Tag.OCTET_STRING, Obis.parse(code).raw), Data(Tag.UNSIGNED, number)]
    return DataNotification(1, None, Data(Tag.STRUCTURE, tuple(body))).encode()
