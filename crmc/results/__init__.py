"""Results: labelled data, the summary, its table and its figures."""
