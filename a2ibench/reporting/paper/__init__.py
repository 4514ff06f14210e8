"""Tables for papers: chosen scores in the form, and at the width, of an article."""
