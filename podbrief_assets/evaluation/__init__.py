"""How good the product's choices are, measured on labelled data: what `podbrief evaluate` prints."""
