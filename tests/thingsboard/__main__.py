"""``python -m tests.thingsboard``: the stand-in on real ports, to try dlmsd against.

It prints its ports as one line of JSON and runs until Ctrl-C. There is a gateway with the
token ``gw``, a device ``meter`` with the token ``meter``, the user tenant@thingsboard.org
with the password ``tenant``, and a provisioning key ``key`` with the secret ``secret``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from random import SystemRandom

from twisted.internet import reactor
from twisted.web.server import Site

from tests.thingsboard.case import populated
from tests.thingsboard.limits import Limits, Rates
from tests.thingsboard.release import Release
from tests.thingsboard.rest.build import rest
from tests.thingsboard.server import ProvisioningProfile, ThingsBoard
from tests.thingsboard.tls import context


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser("tests.thingsboard", description=__doc__)
    parser.add_argument("--mqtt-port", type=int, default=1883)
    parser.add_argument("--http-port", type=int, default=8080)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--release", type=Release.parse, default="4.3", help="3.4 to 4.3")
    parser.add_argument(
        "--telemetry-rate", default="", metavar="N:SECONDS", help="of every device and gateway"
    )
    parser.add_argument("--certificate", type=Path, help="PEM; all is over TLS then")
    parser.add_argument("--key", type=Path, help="of the certificate, PEM")
    options = parser.parse_args(arguments)
    rates = Rates(telemetry_messages=options.telemetry_rate)
    limits = Limits(rates, rates, rates)
    server = ThingsBoard(reactor, time.time, SystemRandom(), options.release, limits)
    populated(server).profiles["key"] = ProvisioningProfile("secret")
    factories = (options.mqtt_port, server), (options.http_port, Site(rest(server)))
    if options.certificate:
        tls = context(options.certificate, options.key)
        mqtt, http = (
            reactor.listenSSL(port, one, tls, interface=options.host) for port, one in factories
        )
    else:
        mqtt, http = (
            reactor.listenTCP(port, one, interface=options.host) for port, one in factories
        )
    ports = {"mqtt": mqtt.getHost().port, "http": http.getHost().port}
    print(json.dumps(ports), flush=True)
    reactor.run()


if __name__ == "__main__":
    main(sys.argv[1:])
