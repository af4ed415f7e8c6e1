"""What podbrief answers on the web."""
