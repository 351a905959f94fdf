// Actions of the plan, causes and evidence.

export const en = {
  for: "For",
  more_one: "and {count} more",
  more_other: "and {count} more",
  minutes: "about {minutes} min",
  command: "Command",
  edit: "Edit {name}",
  page: "Open",
  cause: "{cause} ({percent} % sure)",
};

export const es = {
  for: "Para",
  more_one: "y {count} más",
  more_other: "y {count} más",
  minutes: "unos {minutes} min",
  command: "Orden",
  edit: "Editar {name}",
  page: "Abrir",
  cause: "{cause} (seguro al {percent} %)",
};
