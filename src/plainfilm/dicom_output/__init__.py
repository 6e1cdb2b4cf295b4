"""Results of films as structured reports, presentation states and secondary captures, and back."""
