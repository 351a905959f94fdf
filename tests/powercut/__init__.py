"""Power cuts: what is left on a disk that loses, reorders and tears what was not synced."""
