"""Packaging of dlmsd: the package, its Twisted plugin, its profiles and its command."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "([^"]+)"', (HERE / "dlmsd/__init__.py").read_text())
assert VERSION is not None

TEST = [
    "axe-playwright-python>=0.1.7",  # brings axe-core (MPL-2.0), for tests only
    "coverage>=7",
    "dlms-cosem==21.3.2",  # the last release under the MIT licence; the judge of our bytes
    "hypothesis>=6.100",
    "import-linter>=2",
    "mypy>=1.10",
    "mypy-zope>=1.0",
    "playwright>=1.40",
    "prometheus-client>=0.20",  # the judge of /metrics
    "pyyaml>=6",  # reads the alerting rules
    "ruff>=0.5",
    "schemathesis>=4.0,<5",
]

setup(
    name="dlmsd",
    version=VERSION[1],
    description="Reads electricity meters over DLMS/COSEM and loses no reading on the way to MQTT",
    long_description=(HERE / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=[*find_packages(include=["dlmsd", "dlmsd.*"]), "dlmsd.profiles", "twisted.plugins"],
    package_dir={"dlmsd.profiles": "etc/profiles"},
    package_data={
        "dlmsd": ["py.typed", "texts/*/*.toml"],
        "dlmsd.profiles": ["*.toml"],
        "dlmsd.store": ["schema/*.sql"],
        "dlmsd.watch": ["texts/*.toml"],
        "dlmsd.web": ["static/*", "static/*/*"],
    },
    install_requires=[
        "attrs>=23.2",
        "automat>=24.8",
        "cattrs>=24.1",
        "click>=8.2",
        "cryptography>=43",
        "msgspec>=0.18",
        "paho-mqtt>=2.1,<3",
        "pyserial>=3.5",
        "rich>=13",
        "treq>=24.9",
        "twisted[tls]>=24.10",
        "tzdata>=2024.1",  # where the system has no time zones, such as a slim container
    ],
    extras_require={"demo": ["amqtt>=0.11"], "test": TEST},
    entry_points={"console_scripts": ["dlmsd = dlmsd.cli.command:main"]},
    zip_safe=False,
)
