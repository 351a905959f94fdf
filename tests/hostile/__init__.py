"""One hostile meter among a thousand: the others do not notice."""
