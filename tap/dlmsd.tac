"""The daemon from a file: ``twistd -ny tap/dlmsd.tac``, configured by ``DLMSD_CONFIG``."""

import os

from twisted.application.service import Application

from dlmsd.tap import Options, makeService

options = Options()
options["config"] = os.environ.get("DLMSD_CONFIG")
application = Application("dlmsd")
makeService(options).setServiceParent(application)
