"""Where tables live: their contracts, their places, and the way in and out of them."""
