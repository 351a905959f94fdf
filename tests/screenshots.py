"""``python -m tests.screenshots [FOLDER]``: each view of the page, in both themes and on a phone,
there in Spanish.

A daemon reads virtual meters, of which some do not answer, and mosquitto takes what they say.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.integration.browser import BROWSER, Page, browsing
from tests.integration.mosquitto import Mosquitto, free_port
from tests.integration.processes import DaemonProcess, Meters, wait_until

FOLDER = Path(__file__).parents[1] / "docs/screenshots"
NAMES = ("library", "boiler-house", "laboratory-2", "canteen", "workshop", "gym")
WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
# By its name in the file, the place in the page.
VIEWS = {
    "overview": "overview",
    "meters": "meters",
    "meter": "meter/library",
    "add": "add",
    "import": "import",
    "alarms": "alarms",
    "notices": "notices",
    "diagnosis": "diagnosis",
    "network": "network",
    "sinks": "sinks",
    "discovery": "discovery",
    "settings": "settings",
    "logs": "logs",
}
MORE = """
[[meters]]
name = "annex"
host = "127.0.0.1"
port = 1
profile = "microstar"
[[meters]]
name = "greenhouse"
host = "127.0.0.1"
port = 2
profile = "landis-gyr-e650"
password = "secret"
status = "inactive"
[watch]
notice_hosts = ["127.0.0.1"]
[[notices]]
name = "duty"
kind = "mail"
severity = "info"
quiet = "00:00-23:59"
urgent = "critical"
daily = "07:00"
host = "127.0.0.1"
tls = "none"
sender = "dlmsd@example.com"
recipients = ["operator@example.com"]
[[notices]]
name = "sms"
kind = "webhook"
url = "http://127.0.0.1:3/send"
"""


NETWORKS = 'scan_networks = ["192.168.1.0/24"]\n'
DOCUMENT = """name,host,port,interval,measurements
swimming-pool,192.168.1.150,3333,60,voltage_l1;current_l1
sauna,192.168.1.151,3333,60,
sauna,192.168.1.152,3333,60,
sports-hall,192.168.1.153,33333333,60,voltage_l1
"""


@contextmanager
def running() -> Iterator[tuple[str, str, int, Callable[[], None]]]:
    """The address of a page with something to show, the token that opens it, the port of a meter
    that nobody reads, and what takes the broker away for a moment."""
    with ExitStack() as ends, tempfile.TemporaryDirectory() as folder:
        broker = Mosquitto(Path(folder) / "broker")
        broker.start()
        ends.callback(broker.stop)
        meters = Meters(Path(folder), len(NAMES) + 1)
        ends.callback(meters.stop)
        spare = meters.endpoints.pop()
        for one, name in zip(meters.endpoints, NAMES, strict=True):
            one["name"] = name
        sink = (
            f'[[sinks]]\nname = "campus"\nkind = "mqtt"\nurl = "mqtt://127.0.0.1:{broker.port}"\n'
        )
        text = sink + meters.configuration(1.0) + MORE
        daemon = DaemonProcess(Path(folder) / "daemon", text, port=free_port())
        said = daemon.config.read_text()
        daemon.config.write_text(said.replace("[web]\n", f"[web]\n{NETWORKS}"))
        ends.callback(daemon.kill)
        daemon.start()
        wait_until(lambda: daemon.status()["outbox"]["readings"] > 5, "they are read")
        token = (Path(folder) / "daemon/state/web.token").read_text().strip()

        def restart() -> None:
            broker.stop()
            time.sleep(3)
            broker.start()

        yield f"http://127.0.0.1:{daemon.port}/", token, spare["port"], restart
        daemon.stop()


def enter(page: Page, link: str) -> None:
    """By the link that ``dlmsd token`` prints; the page keeps the token when it has its texts."""
    page.goto(link)
    page.wait_for_selector("#view h1")


def shoot(page: Page, address: str, port: int, name: str, folder: Path, suffix: str) -> None:
    """One view, as it is after its charts are drawn."""
    page.goto(f"{address}#/{VIEWS[name]}")
    page.wait_for_selector("#view h1")
    if name == "add":
        fill(page, port)
    if name == "import":
        page.locator("[name=document]").fill(DOCUMENT)
        page.locator(".import button").click()
        page.wait_for_selector(".found .actions")
    page.wait_for_timeout(900)
    size = PHONE if suffix == "-phone" else WIDE
    height = size["height"]
    if name in ("meter", "add", "import") and size is WIDE:
        height = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({**size, "height": height})
    page.wait_for_timeout(400)
    page.screenshot(path=folder / f"{name}{suffix}.png")
    page.set_viewport_size(size)


def fill(page: Page, port: int) -> None:
    """The form, with what the meter answered to its test."""
    page.locator("[name=name]").fill("swimming-pool")
    page.locator("[name=ip_address]").fill("127.0.0.1")
    page.locator("[name=port]").fill(str(port))
    page.locator(".edit > .actions button").nth(1).click()
    page.wait_for_selector(".trial .values-table, .trial .trouble")


def main(folder: Path, seconds: float) -> None:
    """``seconds`` are what there is to see in the charts."""
    folder.mkdir(parents=True, exist_ok=True)
    with running() as (address, token, port, restart):
        time.sleep(seconds / 2)
        restart()  # which the sink's view tells of
        time.sleep(seconds / 2)
        for theme in ("light", "dark"):
            with browsing(viewport=WIDE, color_scheme=theme) as (page, wrong):
                enter(page, f"{address}#token={token}")
                for name in VIEWS:
                    shoot(page, address, port, name, folder, f"-{theme}")
                print(*wrong, sep="\n", end="")
        with browsing(viewport=PHONE) as (page, wrong):
            enter(page, f"{address}?lang=es#token={token}")
            for name in VIEWS:
                shoot(page, address, port, name, folder, "-phone")
        with browsing(viewport=WIDE) as (page, wrong):
            enter(page, f"{address}?lang=es#token={token}")
            shoot(page, address, port, "overview", folder, "-es")


if __name__ == "__main__":
    given = sys.argv[1:]
    place, seconds = Path(given[0]) if given else FOLDER, float(given[1]) if given[1:] else 90
    BROWSER.run(lambda: main(place, seconds))
