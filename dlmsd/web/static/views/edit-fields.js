// The fields of a meter's form, and the bodies that they make for REST.

import { make } from "../kit/dom.js";
import { Field, complainAll, group } from "../kit/field.js";
import { speak } from "../text.js";
import * as words from "../texts/edit.js";
import { Measurements } from "./edit-measurements.js";

const AUTHENTICATIONS = [
  "none", "low", "high-md5", "high-sha1", "high-gmac", "high-sha256", "high-ecdsa",
];
const NUMBERS = new Set([
  "port", "client_id", "server_id", "logical_device", "interval", "timeout", "tb_port",
]);
const FLAGS = new Set(["identify"]);
const SECRETS = new Set(["password", "tb_token"]);
const PROFILE = "microstar";

const { t } = speak(words);

export class Fields {
  constructor() {
    const field = (name, more = {}) => new Field(name, t(name), more);
    const number = (name, min, max) => field(name, { kind: "number", attributes: { min, max } });
    const secret = (name) => field(name, { kind: "password" });
    this.profile = field("profile", { kind: "select", required: true });
    this.profile.input.addEventListener("change", () => this.suggest());
    const authentication = [["", t("as_profile")], ...AUTHENTICATIONS.map((one) => [one, one])];
    this.list = [
      field("name", { required: true, hint: t("name_hint") }), this.profile,
      field("ip_address", { required: true }), number("port", 1, 65535),
      number("client_id", 1, 127), number("server_id", 0, 16383), number("logical_device", 0, 65535),
      field("authentication", { kind: "select", options: authentication }), secret("password"),
      number("interval", 0.1), number("timeout", 0.1),
      field("identify", { kind: "select", options: [["", t("as_profile")], ["true", t("yes")], ["false", t("no")]] }),
      secret("tb_token"), field("tb_device_name"), field("tb_host"), number("tb_port", 1, 65535),
    ];
    const [name, profile, host, port, client, server, logical, how, password, interval, timeout, identify, ...platform] = this.list;
    this.measurements = new Measurements();
    this.node = make(
      "div", "groups",
      group(t("where"), name, profile, host, port),
      group(t("access"), client, server, logical, how, password),
      group(t("reading"), interval, timeout, identify, this.measurements),
      group(t("thingsboard"), ...platform),
    );
    this.before = {};
  }

  focus() {
    this.list[0].input.focus();
  }

  // `meter` and `read` are what REST tells of one; of a copy, name and address of its own.
  fill(profiles, meter, read, { copied }) {
    this.kept = Boolean(meter) && !copied;
    this.profiles = new Map(profiles.map((one) => [one.name, one]));
    this.profile.choices(profiles.map(({ name }) => [name, name]));
    this.profile.value = meter?.profile ?? PROFILE;
    for (const field of this.list) {
      if (field !== this.profile) field.value = meter && !SECRETS.has(field.name) ? meter[field.name] : "";
    }
    if (copied) for (const field of this.list) if (["name", "tb_device_name"].includes(field.name)) field.value = "";
    if (copied && meter) this.list[0].value = this.free(meter.name);
    this.suggest(read);
    this.before = meter && !copied ? this.values() : {};
  }

  take(query) {
    for (const field of this.list) {
      const given = query.get(field.name);
      if (given) field.value = given;
    }
  }

  free(name) {
    return `${name}-2`;
  }

  // What the profile says where the form says nothing.
  suggest(read) {
    const profile = this.profiles.get(this.profile.value);
    for (const field of this.list) {
      const said = profile?.[field.name];
      if (field !== this.profile && Object.hasOwn(profile ?? {}, field.name) && field.name !== "name") {
        field.suggest(said === null ? "" : t("profile_says", { value: String(said) }));
      }
      if (SECRETS.has(field.name) && this.kept) field.suggest(t("secret_hint"));
    }
    this.measurements.fill(profile?.measurements ?? [], read);
  }

  values() {
    const found = {};
    for (const { name, value } of this.list) {
      if (value !== "") found[name] = FLAGS.has(name) ? value === "true" : NUMBERS.has(name) ? Number(value) : value;
    }
    return { ...found, measurements: this.measurements.names() };
  }

  // A body that says everything; of an empty name and address too, so that they are complained of.
  whole() {
    const [name, , host] = this.list;
    const found = { name: name.value, ip_address: host.value, ...this.values() };
    if (this.measurements.usual) delete found.measurements;
    return found;
  }

  // Only what is otherwise than before.
  changed() {
    const now = this.values();
    return Object.fromEntries(Object.entries(now).filter(
      ([key, value]) => JSON.stringify(value) !== JSON.stringify(this.before[key]),
    ));
  }

  complain(errors) {
    return complainAll([...this.list, this.measurements], errors);
  }
}
