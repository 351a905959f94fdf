// One of some: a select with its label, a row of buttons of which one is pressed, a meter.

import { model } from "../model.js";
import { button, make } from "./dom.js";

// `options` are [value, text]; `act(value)` is called when another one is chosen.
export function select(label, options, chosen, act) {
  const node = make("select", "", ...options.map(([value, text]) => {
    const option = make("option", "", text);
    option.value = value;
    option.selected = value === chosen;
    return option;
  }));
  node.ariaLabel = label;
  node.addEventListener("change", () => act(node.value));
  return node;
}

export function chips(label, options, chosen, act) {
  const press = (value) => {
    for (const [one, chip] of all) chip.ariaPressed = String(one === value);
  };
  const all = options.map(([value, text]) => [value, button(text, "chip", () => {
    press(value);
    act(value);
  })]);
  press(chosen);
  const node = make("div", "chips", ...all.map(([, chip]) => chip));
  node.setAttribute("role", "group");
  node.ariaLabel = label;
  return node;
}

// A meter by its name, empty for all. `learn` takes the names that there are now.
export function meterChoice(label, placeholder, chosen, act) {
  const names = make("datalist");
  names.id = "meter-names";
  const input = make("input");
  input.type = "search";
  input.value = chosen;
  input.placeholder = placeholder;
  input.ariaLabel = label;
  input.setAttribute("list", names.id);
  input.addEventListener("change", () => act(input.value.trim()));
  const learn = () => names.replaceChildren(...[...model.meters.keys()].map((name) => {
    const option = make("option");
    option.value = name;
    return option;
  }));
  learn();
  return { nodes: [input, names], learn };
}
