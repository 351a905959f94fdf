// The form of a new meter, for one that a search has found: what is known of it is filled in.

import * as edit from "./edit.js";

export function open({ query }) {
  const view = edit.open({ param: "", query });
  const { fields } = view;
  const fill = fields.fill.bind(fields);
  // Once the form has its own beginning, which comes with the profiles.
  fields.fill = (...known) => {
    fill(...known);
    for (const field of fields.list) {
      const given = query.get(field.name);
      if (given) field.value = given;
    }
  };
  return view;
}
