"""podbrief: new podcast episodes in, five insights a day for each subscriber out."""
