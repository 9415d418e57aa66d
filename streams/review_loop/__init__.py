"""A desk tried on recorded payments whose truth is known: decided, reviewed, labelled and learnt from day by day."""
