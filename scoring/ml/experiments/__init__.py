"""The statistics of champion against challenger. Pure: sums, arrays and plans in, figures out."""
