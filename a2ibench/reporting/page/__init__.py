"""Everything about a run on one page, which opens without a network: report.html."""
