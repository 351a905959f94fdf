"""Makes ``twistd dlmsd`` known to twistd."""

from twisted.application.service import ServiceMaker

dlmsd = ServiceMaker(
    "dlmsd", "dlmsd.tap", "Reads electricity meters over DLMS/COSEM into MQTT.", "dlmsd"
)
