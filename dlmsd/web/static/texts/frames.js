// What passed between dlmsd and a meter.

export const en = {
  frames: "Frames and APDUs",
  count_one: "{count} frame or APDU",
  count_other: "{count} frames and APDUs",
  sent: "sent",
  received: "received",
  apdu: "APDU",
  frame: "frame",
};

export const es = {
  frames: "Tramas y APDU",
  count_one: "{count} trama o APDU",
  count_other: "{count} tramas y APDU",
  sent: "enviada",
  received: "recibida",
  apdu: "APDU",
  frame: "trama",
};
