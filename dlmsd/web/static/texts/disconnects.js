// Ends of connections.

export const en = {
  away: "Away",
  back: "Back",
  left: "Left",
  end_away: "away for {time} so far",
  end_back: "away for {time}",
  end_left: "after {time} nobody wanted it any more",
  stood: "it had stood for {time}",
  never_stood: "it never stood before",
  attempts_one: "{count} more attempt failed",
  attempts_other: "{count} more attempts failed",
};

export const es = {
  away: "Ausente",
  back: "De vuelta",
  left: "Dejada",
  end_away: "ausente desde hace {time}",
  end_back: "ausente {time}",
  end_left: "tras {time} ya nadie la quería",
  stood: "había durado {time}",
  never_stood: "nunca antes se había establecido",
  attempts_one: "falló {count} intento más",
  attempts_other: "fallaron {count} intentos más",
};
