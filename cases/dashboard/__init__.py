"""What the dashboard says: the days asked for, sums, figures in words, pictures. Pure but for the form."""
