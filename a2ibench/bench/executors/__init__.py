"""Ways to run the jobs of a plan, and what runs tell while they go on."""
